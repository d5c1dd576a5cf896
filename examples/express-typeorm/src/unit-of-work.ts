/**
 * Every access to the database goes through here.
 *
 * TypeORM has one connection to a SQLite file and hands the same one to everybody: two requests that both await inside a
 * transaction would share it, and one's rollback would undo the other's work. On SQLite units of work therefore run one
 * after the other. better-sqlite3 is synchronous, so nothing is lost by that. On PostgreSQL each has its own connection.
 */

import type { DataSource, EntityManager } from "typeorm";

import { ClientError } from "./http/errors";

type Work<T> = (manager: EntityManager) => Promise<T>;

/** More waiting units of work than this are turned away at once, rather than kept until their clients have given up. */
const MAX_WAITING = 500;

export class UnitOfWork {
  private tail: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(private readonly dataSource: DataSource) {}

  get database(): "sqlite" | "postgresql" {
    return this.dataSource.options.type === "postgres" ? "postgresql" : "sqlite";
  }

  /** Single statements that need not agree with each other. */
  read<T>(work: Work<T>): Promise<T> {
    return this.inTurn(() => work(this.dataSource.manager));
  }

  /** Several reads that see one state of the data. */
  snapshot<T>(work: Work<T>): Promise<T> {
    if (this.database === "postgresql") {
      return this.dataSource.transaction("REPEATABLE READ", work);
    }
    return this.inTurn(() => this.dataSource.transaction(work));
  }

  /**
   * All or nothing. Begin with a statement that writes: SQLite then takes its lock at once and waits for it, where a
   * transaction that first read would be refused with "database is locked".
   */
  write<T>(work: Work<T>): Promise<T> {
    return this.inTurn(() => this.dataSource.transaction(work));
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.database === "postgresql") {
      return work();
    }
    if (this.waiting >= MAX_WAITING) {
      return Promise.reject(new ClientError(503, "busy", "too many requests are waiting for the database"));
    }
    this.waiting += 1;
    const turn = this.tail.then(work).finally(() => {
      this.waiting -= 1;
    });
    this.tail = turn.catch(() => undefined);
    return turn;
  }
}
