'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { QueryCounts, instrumentDataSource, scalabilityQueryLogger } = require('../lib/queries');
const { pause } = require('./support');

class Runner {
  constructor(answer) {
    this.answer = answer;
  }

  async query(...args) {
    return this.answer(...args);
  }

  async insert() {
    return this.query('INSERT');
  }
}

/** As TypeORM's SQLite drivers do it: one runner for everybody. */
function dataSource(answer) {
  const runner = new Runner(answer);
  return { createQueryRunner: () => runner };
}

function busyError() {
  const driverError = Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' });
  return { driverError, wrapped: Object.assign(new Error('QueryFailedError'), { driverError }) };
}

test('every query is timed once, however often the runner is handed out', async () => {
  const counts = new QueryCounts();
  const source = dataSource(() => pause(30));
  assert.equal(instrumentDataSource(source, { counts }), source);
  await source.createQueryRunner().query('SELECT 1');
  await source.createQueryRunner().insert();
  const { count, sum_seconds: seconds } = counts.toJSON();
  assert.equal(count, 2);
  assert.ok(seconds >= 0.055 && seconds < 5, `${seconds} s`);
});

test('answers, arguments and errors pass unchanged', async () => {
  const failure = new Error('no such table');
  const source = dataSource((sql, parameters) => {
    if (sql === 'bad') {
      throw failure;
    }
    return { sql, parameters };
  });
  instrumentDataSource(source, { counts: new QueryCounts() });
  const runner = source.createQueryRunner('master');
  assert.deepEqual(await runner.query('SELECT ?', [1]), { sql: 'SELECT ?', parameters: [1] });
  await assert.rejects(runner.query('bad'), (error) => error === failure);
});

test('slow queries are those of at least the limit', async () => {
  const counts = new QueryCounts();
  counts.record(0.0399, 40);
  counts.record(0.04, 40);
  counts.record(3, 40);
  assert.equal(counts.slow, 2);
});

test('the limit of slow queries is an option', async () => {
  for (const [slowMs, slow] of [[0, 1], [60_000, 0]]) {
    const counts = new QueryCounts();
    const source = dataSource(() => pause(1));
    instrumentDataSource(source, { counts, slowMs });
    await source.createQueryRunner().query('SELECT 1');
    assert.equal(counts.toJSON().slow, slow);
  }
});

test('a busy database is counted once, though logger and query both see it', async () => {
  const counts = new QueryCounts();
  const { driverError, wrapped } = busyError();
  const logger = scalabilityQueryLogger({ counts });
  const source = dataSource((sql) => {
    logger.logQueryError(driverError, sql, []);
    throw wrapped;
  });
  instrumentDataSource(source, { counts });
  await assert.rejects(source.createQueryRunner().query('BEGIN'));
  assert.equal(counts.toJSON().busy_errors, 1);
});

test('other errors are not counted as busy', () => {
  const counts = new QueryCounts();
  const logger = scalabilityQueryLogger({ counts });
  logger.logQueryError(Object.assign(new Error(), { code: 'SQLITE_CONSTRAINT_UNIQUE' }), '');
  logger.logQueryError('a string', '');
  logger.logQueryError(Object.assign(new Error(), { code: 'SQLITE_BUSY_SNAPSHOT' }), '');
  assert.equal(counts.toJSON().busy_errors, 1);
});

test('the logger hands everything on to the one it wraps', () => {
  const heard = [];
  const inner = Object.fromEntries(
    ['logQuery', 'logQueryError', 'logQuerySlow', 'logSchemaBuild', 'logMigration', 'log'].map((name) => [
      name,
      (...args) => heard.push([name, ...args]),
    ]),
  );
  const counts = new QueryCounts();
  const logger = scalabilityQueryLogger({ inner, counts });
  logger.logQuery('q', [1], 'r');
  logger.logQueryError('e', 'q', [1], 'r');
  logger.logQuerySlow(120, 'q', [1], 'r');
  logger.logSchemaBuild('s', 'r');
  logger.logMigration('m', 'r');
  logger.log('warn', 'w', 'r');
  assert.deepEqual(heard, [
    ['logQuery', 'q', [1], 'r'],
    ['logQueryError', 'e', 'q', [1], 'r'],
    ['logQuerySlow', 120, 'q', [1], 'r'],
    ['logSchemaBuild', 's', 'r'],
    ['logMigration', 'm', 'r'],
    ['log', 'warn', 'w', 'r'],
  ]);
  assert.deepEqual(counts.toJSON(), { count: 0, sum_seconds: 0, slow: 1, busy_errors: 0, buckets: {} });
});

test('of a slow query the SQL is kept without literals, and never a parameter', async () => {
  const counts = new QueryCounts();
  const source = dataSource(() => pause(1));
  instrumentDataSource(source, { counts, slowMs: 0 });
  await source.createQueryRunner().query("SELECT * FROM user WHERE email = 'ann@example.org' AND age > 41", ['secret']);
  await source.createQueryRunner().query('SELECT * FROM user WHERE email = ? AND age > 7');
  const text = 'SELECT * FROM user WHERE email = ? AND age > ?';
  assert.deepEqual(Object.keys(counts.statements), [text]);
  assert.equal(counts.statements[text].count, 2);
  assert.ok(!JSON.stringify([counts, counts.statements]).includes('secret'));
});

test('slow statements are bounded and none is lost', () => {
  const counts = new QueryCounts();
  for (let i = 0; i < 250; i += 1) {
    counts.record(1, 0, `SELECT c${i}`);
  }
  assert.equal(Object.keys(counts.statements).length, 101);
  assert.equal(Object.values(counts.statements).reduce((sum, { count }) => sum + count, 0), 250);
});

test('a data source says itself from when on a query is slow', async () => {
  const counts = new QueryCounts();
  const source = Object.assign(dataSource(() => pause(5)), { options: { maxQueryExecutionTime: 1 } });
  instrumentDataSource(source, { counts });
  await source.createQueryRunner().query('SELECT 1');
  assert.equal(counts.slow, 1);
});

test('the logger alone is enough: what it is shown is timed from then on, once', async () => {
  const counts = new QueryCounts();
  const logger = scalabilityQueryLogger({ counts, slowMs: 20 });
  const runner = new Runner(async (sql) => {
    logger.logQuery(sql, [], runner);
    await pause(30);
    logger.logQuerySlow(30, sql, [], runner);
  });
  runner.connection = { createQueryRunner: () => runner };
  await runner.query('SELECT 0'); // begins before the logger has been told
  await runner.query('SELECT a');
  await runner.connection.createQueryRunner().query('SELECT b');
  const { count, sum_seconds: seconds } = counts.toJSON();
  assert.equal(count, 2);
  assert.ok(seconds > 0.05);
  assert.deepEqual(Object.keys(counts.statements), ['SELECT a', 'SELECT b']);
});

test('a fault in counting changes no answer and no error', async (t) => {
  const counts = new QueryCounts();
  const logger = scalabilityQueryLogger({ counts });
  const failure = new Error('no such table');
  const source = dataSource((sql) => {
    if (sql === 'bad') {
      throw failure;
    }
    return sql;
  });
  instrumentDataSource(source, { counts });
  for (const hook of ['record', 'failed', 'wasSlow']) {
    t.mock.method(counts, hook, () => {
      throw new Error('on purpose');
    });
  }
  const runner = source.createQueryRunner();
  assert.equal(await runner.query('SELECT 1'), 'SELECT 1');
  await assert.rejects(runner.query('bad'), (error) => error === failure);
  logger.logQuery('q', [], { get connection() { throw failure; } });
  logger.logQueryError(failure, 'q');
  logger.logQuerySlow(5, 'q');
});

test('without any hook there is nothing to report, rather than zero', () => {
  assert.equal(new QueryCounts().toJSON(), null);
});

test('whatever it is given, it returns it', () => {
  for (const thing of [null, undefined, 42, {}, Object.freeze({ createQueryRunner() {} })]) {
    assert.equal(instrumentDataSource(thing, { counts: new QueryCounts() }), thing);
  }
});
