import { Column, Entity, PrimaryGeneratedColumn } from "typeorm";

/** What TypeORM 1 has on SQLite and its predecessors have not. */
@Entity()
export class Document {
  @PrimaryGeneratedColumn() id!: number;
  @Column("jsonb", { nullable: true }) content!: unknown;
  @Column("jsonb", { default: { a: "it's", b: [1, null] } }) binary!: unknown;
  @Column("json", { default: { a: 1 } }) json!: unknown;
}
