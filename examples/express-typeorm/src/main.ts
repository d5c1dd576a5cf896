/** Starts the shop: connect, listen on this machine only, say so, and leave in good order on SIGTERM. */

import "./utc";
import "reflect-metadata";

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import type { DataSource } from "typeorm";

import { connect, createTablesIfEmpty, requireTables } from "./data-source";
import { fail } from "./failure";
import { type Shop, shopApp } from "./http/app";
import { readSettings, UsageError } from "./settings";
import { UnitOfWork } from "./unit-of-work";

const HOST = "127.0.0.1";
/** Requests that are still running after this long are cut off. */
const DRAIN_MS = 5000;

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const dataSource = await connect(settings.database);
  if (settings.database.kind === "sqlite") {
    await createTablesIfEmpty(dataSource);
  }
  await requireTables(dataSource);
  const shop = shopApp(new UnitOfWork(dataSource), settings.measuring);
  const server = createServer(shop.app);
  await listen(server, settings.port);
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ listening: `http://${HOST}:${port}` }));
  let leaving = false;
  const goodbye = () => {
    if (!leaving) {
      leaving = true;
      void leave(server, shop, dataSource);
    }
  };
  process.on("SIGTERM", goodbye);
  process.on("SIGINT", goodbye);
  if (settings.exitWithStdin) {
    process.stdin.resume().once("close", goodbye);
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "EADDRINUSE" ? new UsageError(`port ${port} is in use; set PORT to another one, or 0`) : error);
    });
    server.listen(port, HOST, resolve);
  });
}

/** Finish the running requests, then close the database. Connections are not kept for further requests. */
async function leave(server: Server, shop: Shop, dataSource: DataSource): Promise<void> {
  server.prependListener("request", (_request, response) => response.setHeader("Connection", "close"));
  const closeIdle = setInterval(() => server.closeIdleConnections(), 20);
  const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await new Promise((resolve) => server.close(resolve));
  clearInterval(closeIdle);
  clearTimeout(cut);
  await shop.stopMeasuring();
  await dataSource.destroy();
  process.exit(0);
}

main().catch(fail);
