import { Check, Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn } from "typeorm";

import { money } from "../money";

@Entity()
@Check(`"stock" >= 0`)
export class Product {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ length: 32, unique: true })
  sku!: string;

  @Index()
  @Column({ length: 120 })
  name!: string;

  @Column({ type: "text", nullable: true })
  description!: string | null;

  @Column({ type: "decimal", precision: 10, scale: 2, transformer: money })
  price!: string;

  @Column({ type: "int", default: 0 })
  stock!: number;

  @Column({ default: true })
  active!: boolean;

  @CreateDateColumn()
  createdAt!: Date;
}
