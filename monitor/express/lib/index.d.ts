import type { IncomingMessage, ServerResponse } from "node:http";

export interface MonitoringOptions {
  /** Where `outgrow monitor serve` listens: http, https or "unix:/path/of/its.sock". Default: OUTGROW_SIDECAR_URL, else http://127.0.0.1:9464. */
  sidecarUrl?: string;
  /** Sent to the sidecar as a bearer token, and asked for by the endpoints from other machines. Default: OUTGROW_MONITOR_TOKEN. */
  token?: string;
  /** To whom the middleware serves the three endpoints: "local" (this machine, and whoever brings the token), everybody, nobody. Default: "local". */
  endpoints?: boolean | "local";
  /** Time between two snapshots, 100 to 60,000. Default: 5000. */
  intervalMs?: number;
  /** How long the sidecar may take to answer, 10 to 30,000. Default: 1000. */
  timeoutMs?: number;
  /** Over how many seconds distinct clients are counted, 5 to 3600. Default: 300. */
  clientWindowSeconds?: number;
  /** Proxies of your own in front of the application: how many, or their addresses and networks. Default: 0, X-Forwarded-For is ignored. */
  trustedProxies?: number | string | string[];
}

export type Handler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

export interface MonitoringMiddleware extends Handler {
  /** Send everything counted until now. True when the sidecar took it. Never rejects. */
  flush(): Promise<boolean>;
  /** Send the last snapshot and stop; to be called when the server has closed. Never rejects. */
  close(): Promise<void>;
}

/** Counts and times every request, and serves GET /api/metrics/scalability, /assessment and /prometheus to this machine. */
export function scalabilityMonitoringMiddleware(options?: MonitoringOptions): MonitoringMiddleware;

/** Serves the three endpoints to everybody who reaches it, for behind your own authentication; 503 when the sidecar is gone. */
export function scalabilityEndpoints(options?: Pick<MonitoringOptions, "sidecarUrl" | "token" | "timeoutMs">): Handler;

/** What TypeORM's Logger interface asks for. */
export interface QueryLogger {
  logQuery(query: string, parameters?: any[], queryRunner?: any): any;
  logQueryError(error: string | Error, query: string, parameters?: any[], queryRunner?: any): any;
  logQuerySlow(time: number, query: string, parameters?: any[], queryRunner?: any): any;
  logSchemaBuild(message: string, queryRunner?: any): any;
  logMigration(message: string, queryRunner?: any): any;
  log(level: "log" | "info" | "warn", message: any, queryRunner?: any): any;
}

export interface QueryOptions {
  /** From how many milliseconds on a query is slow. Default: the data source's maxQueryExecutionTime, else 100. */
  slowMs?: number;
}

/** Counts and times the queries of the data source that it logs for; hands everything on to `inner`. */
export function scalabilityQueryLogger(options?: QueryOptions & { inner?: QueryLogger }): QueryLogger;

/** Times every query of a TypeORM data source, for those that keep another logger; returns the same object. */
export function instrumentDataSource<T extends { createQueryRunner(...args: any[]): any }>(
  dataSource: T,
  options?: QueryOptions,
): T;
