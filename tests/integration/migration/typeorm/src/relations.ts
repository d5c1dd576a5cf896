import {
  ChildEntity, Column, CreateDateColumn, Entity, Index, JoinColumn, JoinTable, ManyToMany, ManyToOne, OneToMany, OneToOne,
  PrimaryColumn, PrimaryGeneratedColumn, TableInheritance, Tree, TreeChildren, TreeParent,
} from "typeorm";

@Entity()
export class Author {
  @PrimaryGeneratedColumn("uuid") id!: string;
  @Column() name!: string;
  @OneToOne(() => Profile, { cascade: true, onDelete: "SET NULL", nullable: true }) @JoinColumn() profile!: Profile | null;
  @OneToMany(() => Post, (post) => post.author) posts!: Post[];
  @ManyToOne(() => Author, { nullable: true }) mentor!: Author | null;
}

@Entity()
export class Profile {
  @PrimaryGeneratedColumn("uuid") id!: string;
  @Column({ nullable: true }) motto!: string;
}

@Entity()
export class Post {
  @PrimaryGeneratedColumn() id!: number;
  @Column() title!: string;
  @Index() @ManyToOne(() => Author, (author) => author.posts, { onDelete: "CASCADE", onUpdate: "CASCADE", nullable: false })
  @JoinColumn({ name: "author_id" }) author!: Author;
  @Column("uuid", { nullable: true }) editorId!: string | null;
  @ManyToOne(() => Author, { nullable: true, onDelete: "RESTRICT" }) @JoinColumn({ name: "editorId" }) editor!: Author | null;
  @ManyToMany(() => Label, { cascade: true }) @JoinTable() labels!: Label[];
  @ManyToMany(() => Author) @JoinTable({
    name: "Post_Readers", joinColumn: { name: "post" }, inverseJoinColumn: { name: "reader" },
  }) readers!: Author[];
  @ManyToOne(() => Post, { nullable: true, deferrable: "INITIALLY DEFERRED" }) parent!: Post | null;
  @CreateDateColumn() created!: Date;
}

@Entity()
export class Label {
  @PrimaryColumn() name!: string;
}

/** A primary key that refers to another table, and one of several columns. */
@Entity()
export class Membership {
  @PrimaryColumn("uuid") authorId!: string;
  @PrimaryColumn() labelName!: string;
  @ManyToOne(() => Author, { onDelete: "CASCADE" }) @JoinColumn() author!: Author;
  @ManyToOne(() => Label) @JoinColumn() label!: Label;
  @Column() since!: number;
}

@Entity()
export class Visit {
  @PrimaryGeneratedColumn() id!: number;
  @ManyToOne(() => Membership) membership!: Membership;
}

@Entity()
export class Loose {
  @PrimaryGeneratedColumn() id!: number;
  @ManyToOne(() => Author, { createForeignKeyConstraints: false, nullable: true }) author!: Author | null;
}

// Single table inheritance

@Entity()
@TableInheritance({ column: { type: "varchar", name: "type" } })
export class Content {
  @PrimaryGeneratedColumn() id!: number;
  @Column() title!: string;
}

@ChildEntity()
export class Photo extends Content {
  @Column() size!: string;
}

@ChildEntity("question")
export class Question extends Content {
  @Column() answers!: number;
}

// Trees

@Entity()
@Tree("closure-table")
export class Category {
  @PrimaryGeneratedColumn() id!: number;
  @Column() name!: string;
  @TreeChildren() children!: Category[];
  @TreeParent() parent!: Category;
  @Column({ default: 0 }) level!: number;
}

@Entity()
@Tree("closure-table", { closureTableName: "place_links", ancestorColumnName: (c) => `up_${c.propertyName}` })
export class Place {
  @PrimaryGeneratedColumn("uuid") id!: string;
  @TreeChildren() children!: Place[];
  @TreeParent({ onDelete: "CASCADE" }) parent!: Place;
}

@Entity()
@Tree("materialized-path")
export class Folder {
  @PrimaryGeneratedColumn() id!: number;
  @Column() name!: string;
  @TreeChildren() children!: Folder[];
  @TreeParent() parent!: Folder;
}

@Entity()
@Tree("nested-set")
export class Unit {
  @PrimaryGeneratedColumn() id!: number;
  @Column() name!: string;
  @TreeChildren() children!: Unit[];
  @TreeParent() parent!: Unit;
}
