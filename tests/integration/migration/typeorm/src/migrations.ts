import type { MigrationInterface, QueryRunner } from "typeorm";

/** Nothing but a row in the table of migrations. */
export class Start1700000000000 implements MigrationInterface {
  async up(_: QueryRunner): Promise<void> {}
  async down(_: QueryRunner): Promise<void> {}
}
