import { Column, CreateDateColumn, Entity, Index, ManyToOne, OneToMany, PrimaryGeneratedColumn } from "typeorm";

import { money } from "../money";
import { Customer } from "./customer";
import { OrderItem } from "./order-item";

export const ORDER_STATUSES = ["pending", "paid", "shipped", "cancelled"] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

@Entity()
@Index(["status", "createdAt"])
export class Order {
  @PrimaryGeneratedColumn("uuid")
  id!: string;

  @Index()
  @Column({ type: "int" })
  customerId!: number;

  @ManyToOne(() => Customer, (customer) => customer.orders, { nullable: false, onDelete: "CASCADE" })
  customer!: Customer;

  @Column({ type: "simple-enum", enum: ORDER_STATUSES, default: "pending" })
  status!: OrderStatus;

  @Column({ type: "decimal", precision: 12, scale: 2, transformer: money })
  total!: string;

  @Column({ type: "varchar", length: 500, nullable: true })
  note!: string | null;

  @CreateDateColumn()
  createdAt!: Date;

  // Date, not a database's own type name: TypeORM makes it `datetime` on SQLite and `timestamp` on PostgreSQL.
  @Column({ type: Date, nullable: true })
  shippedAt!: Date | null;

  @OneToMany(() => OrderItem, (item) => item.order)
  items!: OrderItem[];
}
