export const onPostgres = process.env.DB_URL?.startsWith("postgres") ?? false;

/** A column type that has another name in each database, as applications on both write it. */
export function either(sqlite: string, postgres: string): any {
  return onPostgres ? postgres : sqlite; // any: every type has its own overload of the decorator
}

/** PostgreSQL's driver hands these out as text. */
export const asNumber = {
  to: (value: number | null | undefined): number | null | undefined => value,
  from: (value: string | number | null): number | null => (value === null ? null : Number(value)),
};
