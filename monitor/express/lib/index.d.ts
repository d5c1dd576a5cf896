import type { IncomingMessage, ServerResponse } from "node:http";

export interface MonitoringOptions {
  /** Address of `outgrow monitor serve`. Default: OUTGROW_SIDECAR_URL, else http://127.0.0.1:9464. */
  sidecarUrl?: string;
  /** Sent as a bearer token. Default: OUTGROW_MONITOR_TOKEN. */
  token?: string;
  /** Time between two snapshots, 100 to 60,000. Default: 5000. */
  intervalMs?: number;
  /** How long the sidecar may take to answer, 10 to 30,000. Default: 1000. */
  timeoutMs?: number;
  /** Over how many seconds distinct clients are counted, 5 to 3600. Default: 300. */
  clientWindowSeconds?: number;
  /** How many proxies of your own stand in front of the application. Default: 0, X-Forwarded-For is ignored. */
  trustProxyHops?: number;
}

export type Handler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

export interface MonitoringMiddleware extends Handler {
  /** Send everything counted until now. True when the sidecar took it. Never rejects. */
  flush(): Promise<boolean>;
  /** Send the last snapshot and stop; to be called when the server has closed. Never rejects. */
  close(): Promise<void>;
}

/** Counts and times every request. */
export function scalabilityMonitoringMiddleware(options?: MonitoringOptions): MonitoringMiddleware;

/** Serves GET /api/metrics/scalability, /assessment and /prometheus from the sidecar; 503 when it is gone. */
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

/** Counts SQLITE_BUSY errors (and slow queries where no data source is instrumented); hands everything on to `inner`. */
export function scalabilityQueryLogger(options?: { inner?: QueryLogger }): QueryLogger;

/** Times every query of a TypeORM data source; returns the same object. `slowMs`: from when a query is slow, default 100. */
export function instrumentDataSource<T extends { createQueryRunner(...args: any[]): any }>(
  dataSource: T,
  options?: { slowMs?: number },
): T;
