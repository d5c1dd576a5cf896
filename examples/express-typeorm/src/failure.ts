/** How a command of the shop ends when it cannot do its work: one line for people, a status for programs. */

import { UsageError } from "./settings";

/** Wrong usage is status 2, anything else 1. Messages of the drivers name hosts and ports, never passwords. */
export function fail(error: unknown): never {
  const message = error instanceof Error && error.message ? error.message : String(error);
  console.error(`error: ${message}`);
  if (!(error instanceof UsageError) && error instanceof Error && process.env["DEBUG"]) {
    console.error(error.stack);
  }
  process.exit(error instanceof UsageError ? 2 : 1);
}
