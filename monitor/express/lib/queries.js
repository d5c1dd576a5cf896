'use strict';

// Queries of a TypeORM application. TypeORM tells its logger when a query begins and that it was slow, not how long the others
// took, so durations come from the data source's query runners, which the logger is shown. Of a slow query its SQL is kept
// without literals; parameters never are.

const { LatencyBuckets } = require('./buckets');
const { debug, monitoringIsOff } = require('./options');
const { withoutLiterals } = require('./statements');

/** The mission's warning limit for the average query. */
const SLOW_MS = 100;
/** Slow statements that are told apart. */
const MAX_STATEMENTS = 100;
const OVERFLOW = '<overflow>';

/** SQLite answered that another connection holds the lock. */
function isBusy(error) {
  const code = error?.code;
  if (typeof code === 'string') {
    return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');
  }
  return error instanceof Error && /database (table |schema )?is locked/.test(error.message); // sql.js, node:sqlite
}

/** Totals of this process since it started. */
class QueryCounts {
  constructor() {
    this.attached = false; // something reports queries at all
    this.count = 0;
    this.sumSeconds = 0;
    this.slow = 0;
    this.busyErrors = 0;
    this.durations = new LatencyBuckets();
    this.slowStatements = new Map();
    this.countedErrors = new WeakSet();
    this.runners = new WeakSet(); // those whose queries are timed
    this.sources = new WeakSet();
  }

  record(seconds, slowMs, sql) {
    this.count += 1;
    this.sumSeconds += seconds;
    this.durations.record(seconds);
    if (seconds * 1000 >= slowMs) {
      this.wasSlow(seconds, sql);
    }
  }

  wasSlow(seconds, sql) {
    this.slow += 1;
    const text = typeof sql === 'string' ? withoutLiterals(sql) : '';
    if (text === '') {
      return;
    }
    const known = this.slowStatements.has(text) || this.slowStatements.size < MAX_STATEMENTS;
    const name = known ? text : OVERFLOW;
    const entry = this.slowStatements.get(name) ?? { count: 0, sum_seconds: 0, max_seconds: 0 };
    entry.count += 1;
    entry.sum_seconds += seconds;
    entry.max_seconds = Math.max(entry.max_seconds, seconds);
    this.slowStatements.set(name, entry);
  }

  /** TypeORM hands the driver's error to the logger and throws it wrapped: one error, counted once. */
  failed(error) {
    const cause = error?.driverError ?? error;
    if (isBusy(cause) && !this.countedErrors.has(cause)) {
      this.countedErrors.add(cause);
      this.busyErrors += 1;
    }
  }

  get statements() {
    return Object.fromEntries(this.slowStatements);
  }

  toJSON() {
    if (!this.attached) {
      return null;
    }
    return {
      count: this.count,
      sum_seconds: this.sumSeconds,
      slow: this.slow,
      busy_errors: this.busyErrors,
      buckets: this.durations.toJSON().buckets,
    };
  }
}

/** The process's queries: data sources and middleware need not know each other. */
const processQueries = new QueryCounts();

function timeQueries(runner, counts, slowMs) {
  if (counts.runners.has(runner)) {
    return; // SQLite drivers hand out the same runner again and again
  }
  const { query } = runner;
  const done = (start, sql, error) => {
    try {
      if (error !== undefined) {
        counts.failed(error);
      }
      counts.record((performance.now() - start) / 1000, slowMs, sql);
    } catch (fault) {
      debug('a query was not counted: %s', fault);
    }
  };
  runner.query = async function timedQuery(...args) {
    const start = performance.now();
    let failure;
    try {
      return await query.apply(this, args);
    } catch (error) {
      failure = error ?? null;
      throw error;
    } finally {
      done(start, args[0], failure);
    }
  };
  counts.runners.add(runner);
}

/**
 * Time every query of a TypeORM data source, transactions' own statements included. Answers and errors pass unchanged.
 * Time spent waiting for a pooled connection counts, as the application waits for it too. Streams are not timed.
 *
 * A query is slow from `slowMs` on; without it from the data source's own maxQueryExecutionTime, else from 100 ms.
 *
 * Returns the data source itself, whatever it is given.
 */
function instrumentDataSource(dataSource, { slowMs, counts = processQueries } = {}) {
  if (monitoringIsOff()) {
    return dataSource;
  }
  try {
    if (counts.sources.has(dataSource)) {
      return dataSource;
    }
    const limit = slowMs ?? (dataSource.options?.maxQueryExecutionTime || SLOW_MS);
    const { createQueryRunner } = dataSource;
    dataSource.createQueryRunner = function createTimedQueryRunner(...args) {
      const runner = createQueryRunner.apply(this, args);
      try {
        timeQueries(runner, counts, limit);
      } catch (error) {
        debug('the queries of a runner are not timed: %s', error);
      }
      return runner;
    };
    counts.sources.add(dataSource);
    counts.attached = true;
  } catch (error) {
    debug('cannot time the queries of this data source: %s', error);
  }
  return dataSource;
}

/**
 * A TypeORM Logger that counts queries, their time, slow ones and busy errors: the first query that it is told of shows it the
 * data source, which is timed from then on. Everything is handed on to `inner`, the logger used until now.
 */
function scalabilityQueryLogger({ inner, slowMs, counts = processQueries } = {}) {
  const off = monitoringIsOff();
  if (!off) {
    counts.attached = true;
  }
  /** Logging must not fail because counting does. */
  const quietly = (act) => {
    try {
      if (!off) {
        act();
      }
    } catch (error) {
      debug('a query was not counted: %s', error);
    }
  };
  const attach = (runner) => {
    const dataSource = runner?.connection;
    if (dataSource && !counts.runners.has(runner)) {
      instrumentDataSource(dataSource, { slowMs, counts });
      timeQueries(runner, counts, slowMs ?? (dataSource.options?.maxQueryExecutionTime || SLOW_MS));
    }
  };
  return {
    logQuery(...args) {
      quietly(() => attach(args[2]));
      return inner?.logQuery(...args);
    },
    logQueryError(error, ...args) {
      quietly(() => counts.failed(error));
      return inner?.logQueryError(error, ...args);
    },
    logQuerySlow(...args) {
      quietly(() => {
        const [milliseconds, sql, , runner] = args;
        if (!(runner && counts.runners.has(runner))) {
          counts.wasSlow(Number(milliseconds) / 1000 || 0, sql);
        }
      });
      return inner?.logQuerySlow(...args);
    },
    logSchemaBuild(...args) {
      return inner?.logSchemaBuild(...args);
    },
    logMigration(...args) {
      return inner?.logMigration(...args);
    },
    log(...args) {
      return inner?.log(...args);
    },
  };
}

module.exports = { QueryCounts, instrumentDataSource, processQueries, scalabilityQueryLogger };
