import {
  Check, Column, CreateDateColumn, Entity, Generated, Index, JoinColumn, JoinTable, ManyToMany, ManyToOne, OneToOne, PrimaryColumn,
  PrimaryGeneratedColumn, Unique, UpdateDateColumn,
} from "typeorm";

import { asNumber, either } from "./dialect";

/** What applications write besides the plain ways. */
@Entity({ name: "odd_defaults", orderBy: { id: "ASC" } })
export class OddDefaults {
  @PrimaryColumn({ type: "bigint", transformer: asNumber }) id!: number;
  @Column("float", { default: 19.99 }) float!: number;
  @Column("decimal", { precision: 10, scale: 4, default: 0.0001, transformer: asNumber }) tiny!: number;
  @Column("decimal", { precision: 5, default: 12, transformer: asNumber }) whole!: number;
  @Column("varchar", { default: () => "'quoted'" }) quoted!: string;
  @Column("varchar", { default: "100" }) digits!: string;
  @Column("varchar", { length: 5, default: "007" }) zeros!: string;
  @Column("text", { default: "two\nlines" }) lines!: string;
  @Column("text", { default: "Ünïcode €" }) unicode!: string;
  @Column("boolean", { default: () => "true" }) on!: boolean;
  @Column("boolean", { default: () => "false", nullable: true }) off!: boolean;
  @Column("date", { default: () => "CURRENT_DATE" }) today!: string;
  @Column("simple-array", { default: "" }) none!: string[];
  @Column(either("datetime", "timestamp"), { default: () => "CURRENT_TIMESTAMP", nullable: true }) at!: Date;
  @CreateDateColumn({ precision: 3 }) created!: Date;
  @UpdateDateColumn({ name: "changed_at" }) changed!: Date;
  @Column("time", { precision: 3, nullable: true }) clock!: string | null;
  @Column("bigint", { nullable: true, transformer: asNumber }) huge!: number | null;
  @Column("integer", { default: 0, unsigned: true }) unsigned!: number;
}

@Entity("people")
@Unique("people_email_key", ["email"])
@Check("age_is_sane", '"age" >= 0 AND "age" < 150 OR "age" IS NULL')
@Index("people_by_name", ["last_name", "first_name"], { unique: true, where: "\"last_name\" <> '' AND \"age\" IS NOT NULL" })
export class Person {
  @PrimaryGeneratedColumn("uuid", { name: "person_id" }) id!: string;
  @Column({ type: "varchar", length: 255 }) first_name!: string;
  @Column({ type: "varchar", length: 255 }) last_name!: string;
  @Column({ length: 320 }) email!: string;
  @Column({ type: "smallint", nullable: true }) age!: number | null;
  @Generated("uuid") @Column({ unique: true }) uuid!: string;
  @Column({ type: "simple-enum", enum: ["active", "on hold", "gone"], default: "on hold" }) accountState!: string;
  @ManyToMany(() => Person) @JoinTable({ name: "friends" }) friends!: Person[];
  @OneToOne(() => Passport, (passport) => passport.person) passport!: Passport | null;
}

/** Its primary key is its owner's. */
@Entity("passports")
export class Passport {
  @PrimaryColumn("uuid", { name: "person_id" }) personId!: string;
  @OneToOne(() => Person, (person) => person.passport, { onDelete: "CASCADE" })
  @JoinColumn({ name: "person_id", foreignKeyConstraintName: "passport_owner" }) person!: Person;
  @Column() number!: string;
}

@Entity("purchases")
export class Purchase {
  @PrimaryGeneratedColumn("increment") id!: number;
  @ManyToOne(() => Person) @JoinColumn({ referencedColumnName: "email", name: "customer_email" }) customer!: Person;
}

@Entity("line_items")
@Index(["product", "order"])
export class LineItem {
  @ManyToOne(() => Purchase, { onDelete: "CASCADE", orphanedRowAction: "delete" }) @JoinColumn({ name: "order_id" }) order!: Purchase;
  @PrimaryColumn({ name: "order_id" }) orderId!: number;
  @PrimaryColumn({ name: "line_no", type: "smallint" }) lineNo!: number;
  @ManyToOne(() => Person, { nullable: true, onDelete: "SET NULL", onUpdate: "SET NULL" }) buyer!: Person | null;
  @Column() product!: string;
}
