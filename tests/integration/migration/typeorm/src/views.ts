import { type DataSource, ViewColumn, ViewEntity } from "typeorm";

import { Author, Post } from "./relations";

const prefix = process.env.DB_PREFIX ?? "";

@ViewEntity({
  expression: `SELECT "author"."id" AS "id", "author"."name" AS "name" FROM "${prefix}author" "author" WHERE "author"."name" <> ''`,
})
export class Named {
  @ViewColumn() id!: string;
  @ViewColumn() name!: string;
}

@ViewEntity({
  name: "Post_Count",
  expression: (source: DataSource) =>
    source.createQueryBuilder().select("author.name", "name").addSelect("COUNT(post.id)", "posts")
      .from(Author, "author").leftJoin(Post, "post", "post.author_id = author.id").groupBy("author.name"),
})
export class PostCount {
  @ViewColumn() name!: string;
  @ViewColumn({ transformer: { to: (value) => value, from: (value) => Number(value) } }) posts!: number;
}

@ViewEntity({
  dependsOn: [Named],
  expression: `SELECT upper("name") AS "shout", CASE WHEN length("name") > 3 THEN 1 ELSE 0 END AS "long" FROM "${prefix}named"`,
})
export class Shout {
  @ViewColumn() shout!: string;
  @ViewColumn() long!: number;
}
