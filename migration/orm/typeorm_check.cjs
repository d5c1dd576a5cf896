// Asks an application's TypeORM what it would change in a PostgreSQL database. Changes nothing there.
//
// Run in the application's folder: node typeorm_check.cjs DATA_SOURCE, with JSON on standard input: {"connection": {...}}
// replaces the address in the application's own options, null keeps it. The answer is the line that begins with the
// mark; all other output is the application's.
"use strict";
const { createRequire } = require("node:module");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

const MARK = "outgrow-typeorm-check ";
const app = createRequire(path.join(process.cwd(), "package.json"));

async function load(file) {
  if (/\.[cm]?ts$/.test(file)) {
    const loader = ["tsx/cjs", "ts-node/register/transpile-only"].find((name) => {
      try {
        app(name);
        return true;
      } catch {
        return false;
      }
    });
    if (!loader) throw new Error("neither tsx nor ts-node is installed here: name the built .js file instead");
  }
  try {
    return app(file);
  } catch (error) {
    if (error.code !== "ERR_REQUIRE_ESM" && error.code !== "ERR_REQUIRE_ASYNC_MODULE") throw error;
    return import(pathToFileURL(file).href);
  }
}

async function dataSourceOf(module) {
  for (const value of [module, ...Object.values(module), ...Object.values(module.default ?? {})]) {
    const found = await (value && typeof value.then === "function" ? value : undefined);
    const source = found ?? value;
    if (source && typeof source.initialize === "function" && source.options) return source;
  }
  throw new Error("this module exports no DataSource");
}

// The columns whose type is another one than the entity's, with the type that the entity wants.
async function wantedTypes(source) {
  const { driver } = source;
  const runner = source.createQueryRunner();
  const found = [];
  try {
    for (const entity of source.entityMetadatas) {
      if (entity.tableType === "view" || entity.tableType === "entity-child") continue;
      const table = await runner.getTable(entity.tablePath);
      for (const column of entity.columns) {
        const there = table && table.findColumnByName(column.databaseName);
        const type = driver.normalizeType(column);
        if (!there || there.type === type || type === "enum") continue;
        const { precision, scale, isArray } = column;
        const wanted = driver.createFullType({ type, length: driver.getColumnLength(column), precision, scale, isArray });
        found.push({ table: entity.tableName, column: column.databaseName, type: wanted.toLowerCase() });
      }
    }
  } finally {
    await runner.release();
  }
  return found;
}

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const { connection } = JSON.parse(Buffer.concat(chunks).toString());
  const own = await dataSourceOf(await load(path.resolve(process.argv[2])));
  if (own.isInitialized) await own.destroy();
  // The application's own start could synchronize, migrate or drop: not here.
  const quiet = { synchronize: false, migrationsRun: false, dropSchema: false, installExtensions: false, logging: false };
  const options = { ...own.options, ...quiet };
  if (connection) {
    for (const name of ["url", "host", "port", "username", "password", "database", "replication"]) delete options[name];
    Object.assign(options, connection, { type: "postgres" });
  }
  if (options.type !== "postgres") {
    throw new Error(`its DataSource is of type ${options.type}: name the database, or set what makes the application use PostgreSQL`);
  }
  const source = await new own.constructor(options).initialize();
  try {
    const { upQueries } = await source.driver.createSchemaBuilder().log();
    const statements = upQueries.map(({ query, parameters }) => ({ query, parameters: parameters ?? [] }));
    const wanted = statements.length ? await wantedTypes(source) : [];
    console.log("\n" + MARK + JSON.stringify({ statements, entities: source.entityMetadatas.length, wanted }));
  } finally {
    await source.destroy();
  }
}

main().catch((error) => {
  console.error(error && error.message ? error.message : error);
  process.exitCode = 1;
});
