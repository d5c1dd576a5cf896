'use strict';

// A running application of Express and the TypeORM of examples/express-typeorm on better-sqlite3, measured by the logger alone.
// Not a *.test.js: it needs what that folder has installed. Prints what was counted.

const { createRequire } = require('node:module');
const os = require('node:os');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const shop = createRequire(path.join(__dirname, '..', '..', '..', 'examples', 'express-typeorm', 'package.json'));
const { DataSource, EntitySchema } = shop('typeorm');
const Database = shop('better-sqlite3');
const express = require('express');

const { scalabilityMonitoringMiddleware, scalabilityQueryLogger } = require('..');
const { processQueries } = require('../lib/queries');
const { ask, startApp } = require('./support');

const Note = new EntitySchema({
  name: 'Note',
  columns: { id: { type: Number, primary: true, generated: true }, text: { type: String } },
});

async function main() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'outgrow-'));
  const ends = [() => fs.rmSync(folder, { recursive: true })];
  const t = { after: (act) => ends.unshift(act) };
  const heard = [];
  const names = ['logQuery', 'logQueryError', 'logQuerySlow', 'logSchemaBuild', 'logMigration', 'log'];
  const inner = Object.fromEntries(names.map((name) => [name, () => heard.push(name)]));
  const database = path.join(folder, 'notes.db');
  const dataSource = new DataSource({
    type: 'better-sqlite3',
    database,
    timeout: 1, // milliseconds
    synchronize: true,
    entities: [Note],
    maxQueryExecutionTime: 20,
    logger: scalabilityQueryLogger({ inner }),
  });
  await dataSource.initialize();
  t.after(() => dataSource.destroy());
  const notes = dataSource.getRepository('Note');
  const app = express().use(scalabilityMonitoringMiddleware({ sidecarUrl: 'http://127.0.0.1:9', intervalMs: 60_000 }));
  app.get('/add/:text', async (req, res) => res.json(await notes.save({ text: req.params.text })));
  app.get('/find/:text', async (req, res) => res.json(await notes.findBy({ text: req.params.text })));
  app.get('/slow', async (_req, res) => {
    const numbers = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 400000)';
    res.json(await dataSource.query(`${numbers} SELECT max(x) AS m, 'private words' AS w FROM n`));
  });
  app.use((error, _req, res, _next) => res.status(503).json({ name: error.name, code: error.driverError?.code }));
  const url = await startApp(t, app);
  const before = processQueries.count;
  const answers = [await ask(`${url}/add/secret`), await ask(`${url}/find/secret`), await ask(`${url}/slow`)];
  const other = new Database(database);
  other.exec('BEGIN IMMEDIATE');
  answers.push(await ask(`${url}/add/locked`));
  other.exec('ROLLBACK');
  other.close();
  console.log(
    JSON.stringify({
      answers: answers.map(({ status, body }) => [status, JSON.parse(body)]),
      counted: processQueries.count - before,
      queries: processQueries.toJSON(),
      statements: processQueries.statements,
      heard: Object.fromEntries(names.map((name) => [name, heard.filter((one) => one === name).length])),
    }),
  );
  for (const end of ends) {
    await end();
  }
  http.globalAgent.destroy();
}

main();
