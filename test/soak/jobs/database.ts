/** A database in WebAssembly. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";

interface Database {
  run(statement: string, values?: readonly unknown[]): void;
  exec(statement: string): { readonly values: readonly (readonly unknown[])[] }[];
  close(): void;
}
type Open = () => Promise<{ readonly Database: new () => Database }>;

export async function database(rows: number): Promise<number> {
  const open = createRequire(import.meta.url)("sql.js") as Open;
  const { Database } = await open();
  const db = new Database();
  db.run("CREATE TABLE numbers (n INTEGER, text TEXT)");
  db.run("BEGIN");
  for (let n = 1; n <= rows; n++) db.run("INSERT INTO numbers VALUES (?, ?)", [n, `number ${n}`]);
  db.run("COMMIT");
  const sum = Number(db.exec("SELECT sum(n) FROM numbers WHERE text LIKE 'number %'")[0]!.values[0]![0]);
  db.close();
  assert.equal(sum, (rows * (rows + 1)) / 2);
  return sum;
}
