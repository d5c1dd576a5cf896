import { Check, Column, Entity, Index, ManyToOne, PrimaryGeneratedColumn } from "typeorm";

import { money } from "../money";
import { Order } from "./order";
import { Product } from "./product";

/** One line of an order. Name and price are copies: the product may change or go, the order may not. */
@Entity()
@Check(`"quantity" > 0`)
export class OrderItem {
  @PrimaryGeneratedColumn()
  id!: number;

  @Index()
  @Column({ type: String })
  orderId!: string;

  @ManyToOne(() => Order, (order) => order.items, { nullable: false, onDelete: "CASCADE" })
  order!: Order;

  @Index()
  @Column({ type: "int", nullable: true })
  productId!: number | null;

  @ManyToOne(() => Product, { nullable: true, onDelete: "SET NULL" })
  product!: Product | null;

  @Column({ length: 120 })
  productName!: string;

  @Column({ type: "int" })
  quantity!: number;

  @Column({ type: "decimal", precision: 10, scale: 2, transformer: money })
  unitPrice!: string;
}
