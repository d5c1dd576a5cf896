/** The shop's HTTP interface (../contract/README.md), with the monitor's middleware in front. */

import { scalabilityEndpoints, scalabilityMonitoringMiddleware } from "@outgrow/express";
import express, { type Express, type Request, type Response, Router } from "express";

import { Customer } from "../entities/customer";
import { Order } from "../entities/order";
import { Product } from "../entities/product";
import { fingerprint } from "../fingerprint";
import { changeStatus, placeOrder } from "../orders";
import { salesReport } from "../reports";
import type { Measuring } from "../settings";
import type { UnitOfWork } from "../unit-of-work";
import { customerView, orderView, productView } from "../views";
import { answerError, ClientError, unknownPath } from "./errors";
import { newOrder, newStatus, orderId, wholeNumber } from "./input";

const PAGE_SIZE = 20;

export interface Shop {
  readonly app: Express;
  /** Sends what was measured last; to be called when the last request is answered. */
  stopMeasuring(): Promise<void>;
}

export function shopApp(work: UnitOfWork, measuring: Measuring | null): Shop {
  const app = express();
  app.disable("x-powered-by");
  app.set("etag", false);
  const monitoring = measuring && scalabilityMonitoringMiddleware(measuring);
  if (monitoring) {
    app.use(monitoring);
    app.use(scalabilityEndpoints(measuring));
  }
  app.use(express.json({ limit: "100kb", strict: false }));
  app.get("/health", async (_request: Request, response: Response) => {
    await work.read((manager) => manager.query("SELECT 1"));
    response.json({ status: "ok", database: work.database });
  });
  app.use("/products", products(work));
  app.use("/customers", customers(work));
  app.use("/orders", orders(work));
  app.get("/reports/sales", async (_request: Request, response: Response) => {
    response.json(await work.snapshot(salesReport));
  });
  app.get("/fingerprint", async (_request: Request, response: Response) => {
    response.json(await work.snapshot(fingerprint));
  });
  app.use(unknownPath);
  app.use(answerError);
  return { app, stopMeasuring: async () => monitoring?.close() };
}

function products(work: UnitOfWork): Router {
  const router = Router();
  router.get("/", async (request, response) => {
    const page = wholeNumber(request.query["page"] ?? "1", "page");
    const [found, total] = await work.read((manager) =>
      manager.findAndCount(Product, { order: { id: "ASC" }, skip: (page - 1) * PAGE_SIZE, take: PAGE_SIZE }),
    );
    response.json({ page, pageSize: PAGE_SIZE, total, products: found.map(productView) });
  });
  router.get("/:id", async (request, response) => {
    const id = wholeNumber(request.params.id, "id");
    const product = await work.read((manager) => manager.findOneBy(Product, { id }));
    if (!product) {
      throw new ClientError(404, "not_found", `there is no product ${id}`);
    }
    response.json(productView(product));
  });
  return router;
}

function customers(work: UnitOfWork): Router {
  const router = Router();
  router.get("/:id", async (request, response) => {
    const id = wholeNumber(request.params.id, "id");
    response.json(customerView(await customer(work, id)));
  });
  router.get("/:id/orders", async (request, response) => {
    const { id } = await customer(work, wholeNumber(request.params.id, "id"));
    const found = await work.read((manager) =>
      manager.find(Order, {
        where: { customerId: id },
        relations: { items: true },
        relationLoadStrategy: "query", // a join would multiply the orders by their items before counting to 20
        order: { createdAt: "DESC", id: "ASC" },
        take: PAGE_SIZE,
      }),
    );
    response.json({ customerId: id, orders: found.map(orderView) });
  });
  return router;
}

async function customer(work: UnitOfWork, id: number): Promise<Customer> {
  const found = await work.read((manager) => manager.findOneBy(Customer, { id }));
  if (!found) {
    throw new ClientError(404, "not_found", `there is no customer ${id}`);
  }
  return found;
}

function orders(work: UnitOfWork): Router {
  const router = Router();
  router.post("/", async (request, response) => {
    const wanted = newOrder(request.body);
    const order = await work.write((manager) => placeOrder(manager, wanted));
    response.status(201).location(`/orders/${order.id}`).json(orderView(order));
  });
  router.get("/:id", async (request, response) => {
    const id = orderId(request.params.id);
    const order = await work.read((manager) => manager.findOne(Order, { where: { id }, relations: { items: true } }));
    if (!order) {
      throw new ClientError(404, "not_found", `there is no order ${id}`);
    }
    response.json(orderView(order));
  });
  router.patch("/:id/status", async (request, response) => {
    const id = orderId(request.params.id);
    const status = newStatus(request.body);
    response.json(orderView(await work.write((manager) => changeStatus(manager, id, status))));
  });
  return router;
}
