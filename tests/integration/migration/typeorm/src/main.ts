/**
 * node dist/main.js sync | seed | log | read | pending | migrate | revert: one command for each thing that the tests ask of the application.
 * DB_URL is a file or a postgres URL; TYPEORM=typeorm-1 takes TypeORM 1.
 */
import Module from "node:module";

const chosen = process.env.TYPEORM ?? "typeorm";
const resolving = Module as unknown as { _resolveFilename: (name: string, ...rest: unknown[]) => string };
const original = resolving._resolveFilename;
resolving._resolveFilename = (name, ...rest) => original(name === "typeorm" ? chosen : name, ...rest);

/** Neither database promises an order of related rows. */
function inOrder(_: string, value: unknown): unknown {
  if (!Array.isArray(value) || value.some((item) => typeof item !== "object")) return value;
  return value.map((item) => JSON.stringify(item)).sort();
}

async function main(command: string): Promise<unknown> {
  const { source } = await import("./source");
  const { seed } = await import("./seed");
  await source.initialize();
  try {
    switch (command) {
      case "sync":
        await source.synchronize();
        return (await source.runMigrations()).length;
      case "seed":
        await source.synchronize();
        await source.runMigrations();
        return await seed(source);
      case "log":
        return (await source.driver.createSchemaBuilder().log()).upQueries.map((query) => query.query);
      case "migrate":
        return (await source.runMigrations()).map((migration) => migration.name);
      case "revert":
        return await source.undoLastMigration();
      case "pending":
        return await source.showMigrations();
      case "read": {
        const found: Record<string, unknown> = {};
        for (const entity of source.entityMetadatas) {
          if (entity.tableType === "junction" || entity.tableType === "closure-junction") continue;
          if (entity.tableType === "entity-child") continue;
          const relations = Object.fromEntries(entity.relations.map((relation) => [relation.propertyPath, true]));
          const rows = await source.getRepository(entity.target).find({ relations, withDeleted: true });
          found[entity.name] = rows.map((row) => JSON.stringify(row, inOrder)).sort();
        }
        return found;
      }
      default:
        throw new Error(`no command ${command}`);
    }
  } finally {
    await source.destroy();
  }
}

main(process.argv[2] ?? "").then(
  (result) => console.log(JSON.stringify(result ?? null)),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
