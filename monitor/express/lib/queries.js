'use strict';

// Queries of a TypeORM application. A Logger alone cannot tell how long a query took unless it was slow, so durations come
// from the data source's query runners. Only counts and times are kept: no SQL, no parameters.

const { debug, monitoringIsOff } = require('./options');

/** The mission's warning limit for the average query. */
const SLOW_MS = 100;

/** SQLite answered that another connection holds the lock. */
function isBusy(error) {
  const code = error?.code;
  return typeof code === 'string' && (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'));
}

/** Totals of this process since it started. */
class QueryCounts {
  constructor() {
    this.attached = false; // something reports queries at all
    this.timed = false; // durations are known, not only slow queries
    this.count = 0;
    this.sumSeconds = 0;
    this.slow = 0;
    this.busyErrors = 0;
    this.countedErrors = new WeakSet();
  }

  record(seconds, slowMs) {
    this.count += 1;
    this.sumSeconds += seconds;
    if (seconds * 1000 >= slowMs) {
      this.slow += 1;
    }
  }

  /** TypeORM hands the driver's error to the logger and throws it wrapped: one error, counted once. */
  failed(error) {
    const cause = error?.driverError ?? error;
    if (isBusy(cause) && !this.countedErrors.has(cause)) {
      this.countedErrors.add(cause);
      this.busyErrors += 1;
    }
  }

  toJSON() {
    if (!this.attached) {
      return null;
    }
    return { count: this.count, sum_seconds: this.sumSeconds, slow: this.slow, busy_errors: this.busyErrors };
  }
}

/** The process's queries: data sources and middleware need not know each other. */
const processQueries = new QueryCounts();

function timeQueries(runner, counts, slowMs) {
  const { query } = runner;
  runner.query = async function timedQuery(...args) {
    const start = performance.now();
    try {
      return await query.apply(this, args);
    } catch (error) {
      counts.failed(error);
      throw error;
    } finally {
      counts.record((performance.now() - start) / 1000, slowMs);
    }
  };
}

/**
 * Time every query of a TypeORM data source, transactions' own statements included. Answers and errors pass unchanged.
 * Time spent waiting for a pooled connection counts, as the application waits for it too. Streams are not timed.
 *
 * Returns the data source itself, whatever it is given.
 */
function instrumentDataSource(dataSource, { slowMs = SLOW_MS, counts = processQueries } = {}) {
  if (monitoringIsOff()) {
    return dataSource;
  }
  try {
    const { createQueryRunner } = dataSource;
    const timed = new WeakSet(); // SQLite drivers hand out the same runner again and again
    dataSource.createQueryRunner = function createTimedQueryRunner(...args) {
      const runner = createQueryRunner.apply(this, args);
      if (!timed.has(runner)) {
        timed.add(runner);
        timeQueries(runner, counts, slowMs);
      }
      return runner;
    };
    counts.attached = true;
    counts.timed = true;
  } catch (error) {
    debug('cannot time the queries of this data source: %s', error);
  }
  return dataSource;
}

/**
 * A TypeORM Logger that counts busy errors and, where no data source is instrumented, slow queries (set
 * `maxQueryExecutionTime`). Everything is handed on to `inner`, the logger used until now.
 */
function scalabilityQueryLogger({ inner, counts = processQueries } = {}) {
  if (!monitoringIsOff()) {
    counts.attached = true;
  }
  return {
    logQuery(...args) {
      return inner?.logQuery(...args);
    },
    logQueryError(error, ...args) {
      counts.failed(error);
      return inner?.logQueryError(error, ...args);
    },
    logQuerySlow(...args) {
      if (!counts.timed) {
        counts.slow += 1;
      }
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
