"""Files in the shape of Knex, Sequelize, Prisma, Drizzle and Rails get the schema of that library.

Both SQL texts are those the library writes: Knex 3.1 and Sequelize 6.37 printed theirs, the others' follow
prisma.io/docs/orm/overview/databases, orm.drizzle.team/docs/column-types and Active Record's schema
statements. What the library's SQLite file does not tell stands in the comment before each text.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.inspection import inspect_source
from migration.run import run_migration
from monitor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Shape:
    """A library's SQL for both databases; rows to store, and what a query shows of them on PostgreSQL."""

    title: str
    evidence: str
    sqlite: str
    postgres: str
    rows: Sequence[tuple[str, tuple[Any, ...]]]
    query: str
    shown: Sequence[tuple[Any, ...]]


# Not told: the kind of a number that is no integer, jsonb, bigIncrements.
KNEX = Shape(
    "Knex",
    "has the table knex_migrations",
    """
    create table `knex_migrations` (`id` integer not null primary key autoincrement, `name` varchar(255),
      `batch` integer, `migration_time` datetime);
    create table `knex_migrations_lock` (`index` integer not null primary key autoincrement,
      `is_locked` integer);
    create table `users` (`id` integer not null primary key autoincrement, `email` varchar(255) not null,
      `bio` text, `age` integer, `tiny` tinyint, `big` bigint, `active` boolean default '1', `d` float,
      `ts` datetime default CURRENT_TIMESTAMP, `da` date, `ti` time, `js` json, `uu` char(36), `bi` blob,
      `role` text check (`role` in ('a', 'b')) default 'a');
    create unique index `users_email_unique` on `users` (`email`);
    create table `posts` (`id` integer not null primary key autoincrement, `user_id` integer,
      foreign key(`user_id`) references `users`(`id`) on delete CASCADE);
    create index `posts_user_id_index` on `posts` (`user_id`);
    create unique index `posts_user_id_id_unique` on `posts` (`user_id`, `id`);
    create table `m` (`a` integer, `b` integer, primary key (`a`, `b`));
    """,
    """
    create table "knex_migrations" ("id" serial primary key, "name" varchar(255), "batch" integer,
      "migration_time" timestamptz);
    create table "knex_migrations_lock" ("index" serial primary key, "is_locked" integer);
    create table "users" ("id" serial primary key, "email" varchar(255) not null, "bio" text, "age" integer,
      "tiny" smallint, "big" bigint, "active" boolean default '1', "d" double precision,
      "ts" timestamptz default CURRENT_TIMESTAMP, "da" date, "ti" time, "js" json, "uu" uuid, "bi" bytea,
      "role" text check ("role" in ('a', 'b')) default 'a');
    alter table "users" add constraint "users_email_unique" unique ("email");
    create table "posts" ("id" serial primary key, "user_id" integer);
    alter table "posts" add constraint "posts_user_id_foreign" foreign key ("user_id")
      references "users" ("id") on delete CASCADE;
    create index "posts_user_id_index" on "posts" ("user_id");
    alter table "posts" add constraint "posts_user_id_id_unique" unique ("user_id", "id");
    create table "m" ("a" integer, "b" integer, constraint "m_pkey" primary key ("a", "b"));
    """,
    [
        ("insert into knex_migrations values (1, 'init.js', 1, ?)", (1709294400000,)),
        ("insert into users (email, active, ts, js, uu) values ('a', 1, ?, ?, ?)",
         (1709294400123, '{"b": 1}', "0B7E4E5C-2A2F-4C8B-9B0E-0123456789AB")),
        ("insert into users (email, active) values ('b', 0)", ()),
        ("update users set ts = '2024-03-01 12:00:00' where email = 'b'", ()),
        ("insert into posts (user_id) values (1)", ()),
    ],
    "SELECT email, active, ts AT TIME ZONE 'utc', js::text, uu::text, role FROM users ORDER BY id",
    [
        ("a", True, "2024-03-01 12:00:00.123", '{"b": 1}', "0b7e4e5c-2a2f-4c8b-9b0e-0123456789ab", "a"),
        ("b", False, "2024-03-01 12:00:00", None, None, "a"),
    ],
)  # fmt: skip

# Not told: the values of an ENUM, REAL beside DOUBLE, CHAR beside STRING.
SEQUELIZE = Shape(
    "Sequelize",
    "has the table SequelizeMeta",
    """
    CREATE TABLE `SequelizeMeta` (`name` VARCHAR(255) NOT NULL UNIQUE PRIMARY KEY);
    CREATE TABLE `Users` (`id` INTEGER PRIMARY KEY AUTOINCREMENT, `name` VARCHAR(255),
      `code` VARCHAR(20) UNIQUE, `bio` TEXT, `age` INTEGER, `big` BIGINT, `small` SMALLINT,
      `ok` TINYINT(1) DEFAULT 1, `never` TINYINT(1), `f` FLOAT, `d` DOUBLE PRECISION, `p` DECIMAL(10,2),
      `at` DATETIME, `da` DATE, `ti` TIME, `js` JSON, `jb` JSONB, `uu` UUID, `bl` BLOB,
      `createdAt` DATETIME NOT NULL, `updatedAt` DATETIME NOT NULL);
    CREATE INDEX `users_age` ON `Users` (`age`);
    CREATE UNIQUE INDEX `users_name_age` ON `Users` (`name`, `age`);
    CREATE TABLE `Posts` (`id` UUID PRIMARY KEY, `createdAt` DATETIME NOT NULL, `updatedAt` DATETIME NOT NULL,
      `UserId` INTEGER REFERENCES `Users` (`id`) ON DELETE SET NULL ON UPDATE CASCADE);
    """,
    """
    CREATE TABLE "SequelizeMeta" ("name" VARCHAR(255) NOT NULL UNIQUE, PRIMARY KEY ("name"));
    CREATE TABLE "Users" ("id" SERIAL, "name" VARCHAR(255), "code" VARCHAR(20) UNIQUE, "bio" TEXT,
      "age" INTEGER, "big" BIGINT, "small" SMALLINT, "ok" BOOLEAN DEFAULT true, "never" BOOLEAN, "f" FLOAT,
      "d" DOUBLE PRECISION, "p" DECIMAL(10,2), "at" TIMESTAMP WITH TIME ZONE, "da" DATE, "ti" TIME,
      "js" JSON, "jb" JSONB, "uu" UUID, "bl" BYTEA, "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL,
      "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL, PRIMARY KEY ("id"));
    CREATE INDEX "users_age" ON "Users" ("age");
    CREATE UNIQUE INDEX "users_name_age" ON "Users" ("name", "age");
    CREATE TABLE "Posts" ("id" UUID, "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL,
      "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL, "UserId" INTEGER REFERENCES "Users" ("id")
      ON DELETE SET NULL ON UPDATE CASCADE, PRIMARY KEY ("id"));
    """,
    [
        ("INSERT INTO SequelizeMeta VALUES ('1-init.js')", ()),
        ("INSERT INTO Users (code, ok, p, jb, createdAt, updatedAt) VALUES ('x', 0, 5.5, ?, ?, ?)",
         ('{"b":1,"a":2}', "2024-03-01 12:00:00.123 +00:00", "2024-03-01 12:00:00.000 +00:00")),
    ],
    """SELECT id, ok, p::text, jb::text, "createdAt" AT TIME ZONE 'utc' FROM "Users" """,
    [(1, False, "5.50", '{"a": 2, "b": 1}', "2024-03-01 12:00:00.123")],
)  # fmt: skip

PRISMA = Shape(
    "Prisma",
    "has the table _prisma_migrations",
    """
    CREATE TABLE "_prisma_migrations" ("id" TEXT PRIMARY KEY NOT NULL, "checksum" TEXT NOT NULL,
      "finished_at" DATETIME, "migration_name" TEXT NOT NULL, "logs" TEXT, "rolled_back_at" DATETIME,
      "started_at" DATETIME NOT NULL DEFAULT current_timestamp,
      "applied_steps_count" INTEGER UNSIGNED NOT NULL DEFAULT 0);
    CREATE TABLE "User" (
      "id" TEXT NOT NULL PRIMARY KEY, "email" TEXT NOT NULL, "admin" BOOLEAN NOT NULL DEFAULT false,
      "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" DATETIME NOT NULL,
      "balance" DECIMAL, "score" REAL, "visits" BIGINT, "data" JSONB, "photo" BLOB);
    CREATE TABLE "Post" (
      "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "title" TEXT NOT NULL, "authorId" TEXT NOT NULL,
      "number" INTEGER NOT NULL DEFAULT 1, CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId")
      REFERENCES "User" ("id") ON DELETE RESTRICT ON UPDATE CASCADE);
    CREATE TABLE "Fixed" ("id" INTEGER NOT NULL PRIMARY KEY);
    CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
    CREATE INDEX "Post_title_idx" ON "Post"("title" DESC);
    """,
    """
    CREATE TABLE "_prisma_migrations" (id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL,
      finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
      started_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
      applied_steps_count INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE "User" ("id" TEXT NOT NULL, "email" TEXT NOT NULL, "admin" BOOLEAN NOT NULL DEFAULT false,
      "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" TIMESTAMP(3) NOT NULL,
      "balance" DECIMAL(65,30), "score" DOUBLE PRECISION, "visits" BIGINT, "data" JSONB, "photo" BYTEA,
      CONSTRAINT "User_pkey" PRIMARY KEY ("id"));
    CREATE TABLE "Post" ("id" SERIAL NOT NULL, "title" TEXT NOT NULL, "authorId" TEXT NOT NULL,
      "number" INTEGER NOT NULL DEFAULT 1, CONSTRAINT "Post_pkey" PRIMARY KEY ("id"));
    CREATE TABLE "Fixed" ("id" INTEGER NOT NULL, CONSTRAINT "Fixed_pkey" PRIMARY KEY ("id"));
    CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
    CREATE INDEX "Post_title_idx" ON "Post"("title" DESC);
    ALTER TABLE "Post" ADD CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id")
      ON DELETE RESTRICT ON UPDATE CASCADE;
    """,
    [
        ("INSERT INTO _prisma_migrations VALUES ('0b7e', 'c0ffee', ?, '1_init', NULL, NULL, ?, 1)",
         (1709294400123, "2024-03-01 12:00:00")),
        ('INSERT INTO "User" VALUES (?, ?, 1, ?, ?, 0.1, 0.1, 5, ?, NULL)',
         ("clt1", "a", "2024-03-01 12:00:00", 1709294400123, '{"bb": 1, "a": [1.50]}')),
        ('INSERT INTO "User" VALUES (?, ?, 0, ?, ?, 12, NULL, NULL, NULL, ?)',
         ("clt2", "b", "2024-03-01T12:00:00.123+00:00", "2024-03-01T14:00:00+02:00", b"\1")),
        ("INSERT INTO Post (title, authorId) VALUES ('t', 'clt1')", ()),
    ],
    """SELECT id, admin, "createdAt", "updatedAt", trim_scale(balance)::text, data::text
      FROM "User" ORDER BY id""",
    [
        ("clt1", True, "2024-03-01 12:00:00", "2024-03-01 12:00:00.123", "0.1", '{"a": [1.50], "bb": 1}'),
        ("clt2", False, "2024-03-01 12:00:00.123", "2024-03-01 12:00:00", "12", None),
    ],
)  # fmt: skip

# Not told: every mode of an integer or a text; they stay what they are.
DRIZZLE = Shape(
    "Drizzle",
    "has the table __drizzle_migrations",
    """
    CREATE TABLE "__drizzle_migrations" (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric);
    CREATE TABLE `users` (
    \t`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    \t`email` text NOT NULL,
    \t`admin` integer DEFAULT false NOT NULL,
    \t`created_at` integer DEFAULT (unixepoch()) NOT NULL,
    \t`seen` integer
    );
    CREATE UNIQUE INDEX `users_email_unique` ON `users` (`email`);
    CREATE INDEX `seen_idx` ON `users` (`seen`);
    CREATE TABLE `posts` (
    \t`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    \t`user_id` integer,
    \t`rating` real,
    \tFOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
    );
    """,
    """
    CREATE TABLE "__drizzle_migrations" (id integer PRIMARY KEY, hash text NOT NULL, created_at numeric);
    CREATE TABLE "users" ("id" integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "email" text NOT NULL,
      "admin" integer DEFAULT 0 NOT NULL,
      "created_at" integer DEFAULT floor(extract(epoch from now()))::bigint NOT NULL, "seen" bigint,
      CONSTRAINT "users_email_unique" UNIQUE("email"));
    CREATE TABLE "posts" ("id" integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "user_id" integer,
      "rating" double precision);
    ALTER TABLE "posts" ADD CONSTRAINT "posts_user_id_users_id_fk" FOREIGN KEY ("user_id")
      REFERENCES "users"("id") ON DELETE cascade ON UPDATE no action;
    CREATE INDEX "seen_idx" ON "users" USING btree ("seen");
    """,
    [
        ("INSERT INTO users (email, created_at, seen) VALUES ('a', 1709294400, 1709294400123)", ()),
        ("INSERT INTO posts (user_id, rating) VALUES (1, 0.1)", ()),
    ],
    "SELECT admin, created_at, seen FROM users",
    [(0, 1709294400, 1709294400123)],
)

RAILS = Shape(
    "Ruby on Rails",
    "has the table ar_internal_metadata",
    """
    CREATE TABLE "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY);
    CREATE TABLE "ar_internal_metadata" ("key" varchar NOT NULL PRIMARY KEY, "value" varchar,
      "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL);
    CREATE TABLE "users" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "email" varchar(100) NOT NULL,
      "admin" boolean DEFAULT 0 NOT NULL, "old" boolean DEFAULT 'f', "bio" text, "age" integer,
      "price" decimal(10,2), "weight" float, "born" date, "wakes" time, "seen" datetime, "data" json,
      "photo" blob, "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL);
    CREATE UNIQUE INDEX "index_users_on_email" ON "users" ("email");
    CREATE TABLE "posts" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "user_id" integer NOT NULL,
      "editor_id" integer, "title" varchar, CONSTRAINT "fk_rails_5b5ddfd518" FOREIGN KEY ("user_id")
      REFERENCES "users" ("id"));
    CREATE INDEX "index_posts_on_user_id" ON "posts" ("user_id");
    """,
    """
    CREATE TABLE "schema_migrations" ("version" character varying NOT NULL PRIMARY KEY);
    CREATE TABLE "ar_internal_metadata" ("key" character varying NOT NULL PRIMARY KEY,
      "value" character varying, "created_at" timestamp(6) NOT NULL, "updated_at" timestamp(6) NOT NULL);
    CREATE TABLE "users" ("id" bigserial primary key, "email" character varying(100) NOT NULL,
      "admin" boolean DEFAULT FALSE NOT NULL, "old" boolean DEFAULT FALSE, "bio" text, "age" integer,
      "price" decimal(10,2), "weight" float, "born" date, "wakes" time, "seen" timestamp, "data" json,
      "photo" bytea, "created_at" timestamp(6) NOT NULL, "updated_at" timestamp(6) NOT NULL);
    CREATE UNIQUE INDEX "index_users_on_email" ON "users" ("email");
    CREATE TABLE "posts" ("id" bigserial primary key, "user_id" bigint NOT NULL, "editor_id" bigint,
      "title" character varying, CONSTRAINT "fk_rails_5b5ddfd518" FOREIGN KEY ("user_id")
      REFERENCES "users" ("id"));
    CREATE INDEX "index_posts_on_user_id" ON "posts" ("user_id");
    """,
    [
        ("INSERT INTO schema_migrations VALUES ('20240301120000')", ()),
        ("INSERT INTO users (email, admin, old, wakes, created_at, updated_at) VALUES ('a', 1, 't', ?, ?, ?)",
         ("2000-01-01 06:30:00.250000", "2024-03-01 12:00:00.123456", "2024-03-01 12:00:00")),
        ("INSERT INTO posts (user_id) VALUES (1)", ()),
    ],
    "SELECT admin, old, wakes, created_at FROM users",
    [(True, True, "06:30:00.250000", "2024-03-01 12:00:00.123456")],
)  # fmt: skip


def _text(value: Any) -> Any:
    """Dates and times in their shortest form."""
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    return str(value).removesuffix("000") if " " in str(value) else str(value)


@pytest.mark.parametrize("shape", [KNEX, SEQUELIZE, PRISMA, DRIZZLE, RAILS], ids=lambda shape: shape.title)
def test_a_file_gets_the_schema_of_its_library(
    shape: Shape, tmp_path: Path, database: str, content_of: Callable[..., dict[str, Any]]
) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(shape.sqlite.replace("\n    \t", "\n\t"))
        for statement, values in shape.rows:
            connection.execute(statement, values)
    assert inspect_source(path).evidence == shape.evidence
    assert run_migration(path, database).exit_code is ExitCode.DONE
    with psycopg.connect(database) as target:
        target.execute("CREATE SCHEMA expected; SET search_path TO expected")
        target.execute(shape.postgres.encode())
    made, expected = content_of(database, "public"), content_of(database, "expected")
    for kind in ("columns", "constraints", "indexes"):
        assert made[kind] == [_in_public(row) for row in expected[kind]]
    with psycopg.connect(database) as target:
        rows = target.execute(shape.query.encode()).fetchall()
    assert [tuple(map(_text, row)) for row in rows] == list(shape.shown)


def _in_public(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without the name of the schema, which is not shown of one that is in the search path."""
    return tuple(
        value.replace("ON expected.", "ON public.").replace("expected.", "")
        if isinstance(value, str)
        else value
        for value in row
    )
