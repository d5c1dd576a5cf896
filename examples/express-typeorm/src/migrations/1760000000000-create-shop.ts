import type { MigrationInterface, QueryRunner } from "typeorm";

/** The tables of SQLite, in the spelling of TypeORM's own schema builder: `schema:log` finds nothing to change. */
export class CreateShop1760000000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of UP) {
      await queryRunner.query(oneLine(statement));
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const table of ["order_item", "order", "product", "customer"]) {
      await queryRunner.query(`DROP TABLE "${table}"`);
    }
  }
}

/** As the schema builder writes it: TypeORM reads tables back with expressions that do not expect line breaks. */
function oneLine(statement: string): string {
  return statement
    .replace(/\s*\n\s*/g, " ")
    .replace("( ", "(")
    .replace(/ \)$/, ")");
}

const UP = [
  `CREATE TABLE "customer" (
    "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    "email" varchar(200) NOT NULL,
    "name" varchar(120) NOT NULL,
    "newsletter" boolean NOT NULL DEFAULT (0),
    "address" text,
    "createdAt" datetime NOT NULL DEFAULT (datetime('now')),
    CONSTRAINT "UQ_fdb2f3ad8115da4c7718109a6eb" UNIQUE ("email")
  )`,
  `CREATE TABLE "product" (
    "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    "sku" varchar(32) NOT NULL,
    "name" varchar(120) NOT NULL,
    "description" text,
    "price" decimal(10,2) NOT NULL,
    "stock" integer NOT NULL DEFAULT (0),
    "active" boolean NOT NULL DEFAULT (1),
    "createdAt" datetime NOT NULL DEFAULT (datetime('now')),
    CONSTRAINT "UQ_34f6ca1cd897cc926bdcca1ca39" UNIQUE ("sku"),
    CONSTRAINT "CHK_35f9a18fbac915618a6c3e435b" CHECK ("stock" >= 0)
  )`,
  `CREATE INDEX "IDX_22cc43e9a74d7498546e9a63e7" ON "product" ("name")`,
  `CREATE TABLE "order" (
    "id" varchar PRIMARY KEY NOT NULL,
    "customerId" integer NOT NULL,
    "status" varchar CHECK( "status" IN ('pending','paid','shipped','cancelled') ) NOT NULL DEFAULT ('pending'),
    "total" decimal(12,2) NOT NULL,
    "note" varchar(500),
    "createdAt" datetime NOT NULL DEFAULT (datetime('now')),
    "shippedAt" datetime,
    CONSTRAINT "FK_124456e637cca7a415897dce659" FOREIGN KEY ("customerId") REFERENCES "customer" ("id") ON DELETE CASCADE ON UPDATE NO ACTION
  )`,
  `CREATE INDEX "IDX_124456e637cca7a415897dce65" ON "order" ("customerId")`,
  `CREATE INDEX "IDX_fa970f9fbef460e07c2485b158" ON "order" ("status", "createdAt")`,
  `CREATE TABLE "order_item" (
    "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    "orderId" varchar NOT NULL,
    "productId" integer,
    "productName" varchar(120) NOT NULL,
    "quantity" integer NOT NULL,
    "unitPrice" decimal(10,2) NOT NULL,
    CONSTRAINT "CHK_805e552e196a6b601ce77d042d" CHECK ("quantity" > 0),
    CONSTRAINT "FK_646bf9ece6f45dbe41c203e06e0" FOREIGN KEY ("orderId") REFERENCES "order" ("id") ON DELETE CASCADE ON UPDATE NO ACTION,
    CONSTRAINT "FK_904370c093ceea4369659a3c810" FOREIGN KEY ("productId") REFERENCES "product" ("id") ON DELETE SET NULL ON UPDATE NO ACTION
  )`,
  `CREATE INDEX "IDX_646bf9ece6f45dbe41c203e06e" ON "order_item" ("orderId")`,
  `CREATE INDEX "IDX_904370c093ceea4369659a3c81" ON "order_item" ("productId")`,
];
