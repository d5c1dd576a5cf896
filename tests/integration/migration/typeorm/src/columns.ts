import {
  Column, CreateDateColumn, DeleteDateColumn, Entity, Generated, Index, PrimaryColumn, PrimaryGeneratedColumn, Unique,
  UpdateDateColumn, VersionColumn, Check,
} from "typeorm";

import { asNumber, either } from "./dialect";

export enum Role { Admin = "admin", User = "user", Guest = "it is complicated" }
export enum Level { Low, High = 5 }

/** Every type that SQLite's driver knows and PostgreSQL's, too. */
@Entity()
export class EveryType {
  @PrimaryGeneratedColumn() id!: number;
  @Column() inferredNumber!: number;
  @Column() inferredText!: string;
  @Column() inferredBoolean!: boolean;
  @Column() inferredDate!: Date;
  @Column("int") int!: number;
  @Column("integer", { nullable: true }) integer!: number | null;
  @Column("int2") int2!: number;
  @Column("int8", { transformer: asNumber }) int8!: number;
  @Column("smallint") smallint!: number;
  @Column("bigint", { transformer: asNumber }) bigint!: number;
  @Column(either("tinyint", "smallint")) tinyint!: number;
  @Column(either("mediumint", "integer")) mediumint!: number;
  @Column(either("unsigned big int", "bigint"), { transformer: asNumber }) unsigned!: number;
  @Column("varchar") varchar!: string;
  @Column({ length: 40 }) short!: string;
  @Column("varchar", { length: "7", nullable: true }) seven!: string | null;
  @Column("character", { length: 5 }) five!: string;
  @Column("text", { nullable: true }) text!: string | null;
  @Column(either("nvarchar", "varchar"), { length: 12 }) nvarchar!: string;
  @Column(either("clob", "text")) clob!: string;
  @Column(either("blob", "bytea"), { nullable: true }) blob!: Buffer | null;
  @Column("real") real!: number;
  @Column("float") float!: number;
  @Column("double precision") doublePrecision!: number;
  @Column(either("double", "double precision")) double!: number;
  @Column("numeric", { transformer: asNumber }) numeric!: number;
  @Column("numeric", { precision: 8, transformer: asNumber }) wholeNumeric!: number;
  @Column("decimal", { precision: 10, scale: 2, transformer: asNumber }) price!: number;
  @Column("boolean") boolean!: boolean;
  @Column("date") date!: string;
  @Column("time") time!: string;
  @Column(either("datetime", "timestamp"), { nullable: true }) datetime!: Date | null;
  @Column(either("datetime", "timestamp"), { precision: 3, nullable: true }) milliseconds!: Date | null;
  @Column("json", { nullable: true }) json!: unknown;
  @Column("simple-array") tags!: string[];
  @Column("simple-json", { nullable: true }) settings!: Record<string, unknown> | null;
  @Column("simple-enum", { enum: Role }) role!: Role;
  @Column("simple-enum", { enum: Level, nullable: true }) level!: Level | null;
  @Column("uuid", { nullable: true }) externalUuid!: string | null;
  @Column() @Generated("uuid") uuid!: string;
  @Column({ name: "odd Name-1" }) odd!: string;
  @Column({ select: false, nullable: true }) hidden!: string;
}

/** Every way to say a default. */
@Entity("defaults")
@Check('"count" >= 0')
@Check("CHK_named_by_hand", '"count" < 1000 AND "score" <> 13')
export class Defaults {
  @PrimaryGeneratedColumn("uuid") id!: string;
  @Column({ default: "plain" }) text!: string;
  @Column({ default: "with ''quotes''" }) quotes!: string;
  @Column({ default: "" }) empty!: string;
  @Column({ length: 20, default: "short" }) short!: string;
  @Column("text", { default: "long" }) long!: string;
  @Column({ default: 0 }) count!: number;
  @Column({ default: -7 }) negative!: number;
  @Column("smallint", { default: 3 }) small!: number;
  @Column("bigint", { default: 9, transformer: asNumber }) big!: number;
  @Column("float", { default: 1.5 }) score!: number;
  @Column("double precision", { default: 2 }) whole!: number;
  @Column("decimal", { precision: 6, scale: 2, default: 0, transformer: asNumber }) money!: number;
  @Column("numeric", { precision: 6, scale: 2, default: 1.5, transformer: asNumber }) rate!: number;
  @Column("real", { default: 0.25 }) single!: number;
  @Column("numeric", { default: -2.25, transformer: asNumber }) loss!: number;
  @Column("numeric", { precision: 6, scale: 2, nullable: true, transformer: asNumber }) free!: number | null;
  @Column({ default: true }) yes!: boolean;
  @Column({ default: false }) no!: boolean;
  @Column({ default: () => "CURRENT_TIMESTAMP" }) clock!: Date;
  @Column("date", { default: "2020-02-29" }) day!: string;
  @Column("time", { default: "12:30:00" }) hour!: string;
  @Column(either("datetime", "timestamp"), { default: "2020-02-29 10:00:00" }) moment!: Date;
  @Column("varchar", { nullable: true, default: null }) nothing!: string | null;
  @Column("simple-enum", { enum: Role, default: Role.User }) role!: Role;
  @Column("simple-enum", { enum: ["red", "green"], nullable: true, default: "green" }) Colour!: string | null;
  @Column("simple-array", { default: "a,b" }) tags!: string[];
  @Column("simple-json", { default: "{}" }) settings!: unknown;
  @CreateDateColumn() createdAt!: Date;
  @UpdateDateColumn() updatedAt!: Date;
  @DeleteDateColumn() deletedAt!: Date | null;
  @VersionColumn() version!: number;
}

/** Indexes and unique constraints. */
@Entity("User")
@Unique(["firstName", "lastName"])
@Unique("UQ_by_hand", ["country", "number"])
@Index(["country", "lastName"])
@Index("IDX_by_hand", ["lastName"])
@Index(["email"], { unique: true, where: '"deletedAt" IS NULL' })
@Index(["number"], { where: '"active" = true AND "number" > 5' })
@Index(["role"], { where: "\"role\" = 'admin'" })
export class Account {
  @PrimaryColumn() login!: string;
  @Column() firstName!: string;
  @Column() lastName!: string;
  @Column({ unique: true }) nick!: string;
  @Index({ unique: true }) @Column() badge!: string;
  @Index() @Column("uuid") sessionId!: string;
  @Column() email!: string;
  @Column({ length: 2 }) country!: string;
  @Column() number!: number;
  @Column({ default: true }) active!: boolean;
  @Column("simple-enum", { enum: Role, default: Role.Guest }) role!: Role;
  @DeleteDateColumn({ name: "deletedAt" }) deleted!: Date | null;
}

/** Reserved words, upper case, blanks. */
@Entity("order")
export class Reserved {
  @PrimaryColumn("int") from!: number;
  @PrimaryColumn({ length: 10 }) select!: string;
  @Column() group!: string;
  @Column("simple-enum", { enum: ["user", "table"] }) Where!: string;
}

export class Address {
  @Column() street!: string;
  @Column({ nullable: true }) city!: string;
}

export class Money {
  @Column("decimal", { precision: 12, scale: 2, transformer: asNumber }) amount!: number;
  @Column({ length: 3 }) currency!: string;
}

@Entity()
export class Company {
  @PrimaryGeneratedColumn({ name: "company_id" }) id!: number;
  @Column(() => Address) address!: Address;
  @Column(() => Address, { prefix: "billing_" }) billing!: Address;
  @Column(() => Money, { prefix: false }) capital!: Money;
}

/** Generated columns. */
@Entity()
export class Invoice {
  @PrimaryGeneratedColumn() id!: number;
  @Column() quantity!: number;
  @Column() price!: number;
  @Column() firstName!: string;
  @Column({ type: "int", asExpression: '"quantity" * "price"', generatedType: "STORED", nullable: true, insert: false, update: false }) total!: number;
  @Column({ type: "varchar", asExpression: "\"firstName\" || ' bought'", generatedType: "STORED", nullable: true, insert: false, update: false }) title!: string;
}

/** Names that PostgreSQL would have to cut. */
@Entity("a_table_with_a_name_that_is_so_long_that_its_sequence_is_cut")
export class LongName {
  @PrimaryGeneratedColumn() identifier_of_the_row!: number;
  @Index() @Column() a_column_with_a_name_that_is_almost_as_long_as_postgres_allows!: string;
}

@Entity()
export class Setting {
  @PrimaryColumn() key!: string;
  @Column("text") value!: string;
}

/** Nothing is ever stored here. */
@Entity()
export class Empty {
  @PrimaryGeneratedColumn("uuid") id!: string;
  @Column() name!: string;
  @Column("decimal", { precision: 5, scale: 1, transformer: asNumber }) weight!: number;
  @Column("simple-enum", { enum: Role }) role!: Role;
}
