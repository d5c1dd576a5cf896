import { Column, CreateDateColumn, Entity, OneToMany, PrimaryGeneratedColumn, Unique } from "typeorm";

import { Order } from "./order";

export interface Address {
  street: string;
  postcode: string;
  city: string;
  country: string;
}

@Entity()
@Unique(["email"])
export class Customer {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ length: 200 })
  email!: string;

  @Column({ length: 120 })
  name!: string;

  @Column({ default: false })
  newsletter!: boolean;

  @Column({ type: "simple-json", nullable: true })
  address!: Address | null;

  @CreateDateColumn()
  createdAt!: Date;

  @OneToMany(() => Order, (order) => order.customer)
  orders!: Order[];
}
