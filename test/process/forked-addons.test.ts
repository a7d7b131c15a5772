/** Native addons with threads of their own in forked children: an image codec, and a password hash on libuv's threads. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { getAllStartMethods, getContext, setForkserverPreload, type Context, type Target } from "#src/index.js";
import { leaveNothingBehind } from "../support/leaks.ts";

const skip = !getAllStartMethods().includes("forkserver");

const timeoutMs = 60_000;

async function run<R>(target: () => Promise<R>, context: Context = getContext("forkserver")): Promise<R> {
  const child = new context.Process({ target: target as Target, timeoutMs });
  await child.start();
  const result: unknown = await child.result;
  await child.join();
  assert.equal(child.exitCode, 0);
  return result as R;
}

interface Picture {
  readonly width: number;
  readonly height: number;
  readonly format: string;
  readonly bytes: number;
}

/** A PNG of 800 by 600 and JPEGs of it, several at a time, each by libvips' own threads. */
async function resize(): Promise<Picture[]> {
  const { default: sharp } = await import("sharp");
  const raw = { width: 800, height: 600, channels: 3 } as const;
  const png = await sharp(Buffer.alloc(800 * 600 * 3, 120), { raw })
    .png()
    .toBuffer();
  const widths = [100, 200, 300, 400];
  const made = await Promise.all(
    widths.map((width) => sharp(png).resize(width).blur(2).jpeg().toBuffer({ resolveWithObject: true })),
  );
  return made.map(({ data, info }) => ({
    width: info.width,
    height: info.height,
    format: info.format,
    bytes: data.length,
  }));
}

async function hashes(): Promise<boolean[]> {
  const { hash, verify } = await import("@node-rs/argon2");
  const passwords = ["one", "two", "three", "four", "five", "six"];
  const made = await Promise.all(passwords.map((password) => hash(password)));
  return Promise.all(made.map((each, n) => verify(each, n === 5 ? "wrong" : passwords[n]!)));
}

/** As far as it is used here; the types are those of a Node that has it not. */
interface Sqlite {
  readonly DatabaseSync: new (file: string) => {
    exec(text: string): void;
    prepare(text: string): { run(...values: unknown[]): unknown; get(...values: unknown[]): unknown };
    close(): void;
  };
}
const sqlite = "node:sqlite";

/** Of four at once, each writes in its own transactions, and waits for the others' locks on the file. */
async function write(file: string, who: number): Promise<number> {
  const { DatabaseSync } = (await import(sqlite)) as Sqlite;
  const database = new DatabaseSync(file);
  database.exec("pragma busy_timeout = 30000; pragma journal_mode = wal; create table if not exists t (who, n)");
  const insert = database.prepare("insert into t values (?, ?)");
  for (let transaction = 0; transaction < 10; transaction++) {
    database.exec("begin immediate");
    for (let n = 0; n < 50; n++) insert.run(who, n);
    database.exec("commit");
  }
  const { count } = database.prepare("select count(*) as count from t where who = ?").get(who) as { count: number };
  database.close();
  return count;
}

function checkPictures(pictures: readonly Picture[]): void {
  assert.deepEqual(
    pictures.map(({ width, height, format }) => [width, height, format]),
    [
      [100, 75, "jpeg"],
      [200, 150, "jpeg"],
      [300, 225, "jpeg"],
      [400, 300, "jpeg"],
    ],
  );
  assert.ok(pictures.every(({ bytes }) => bytes > 100));
}

test("native addons in a forked child", { skip }, async (t) => {
  leaveNothingBehind();

  await t.test("sharp: an image codec with native threads, in several children at once", async () => {
    for (const pictures of await Promise.all([run(resize), run(resize), run(resize)])) checkPictures(pictures);
  });

  await t.test("argon2: hashes side by side on libuv's threads", async () => {
    assert.deepEqual(await run(hashes), [true, true, true, true, true, false]);
  });

  await t.test("argon2 in a worker thread of a forked child", async () => {
    const code = await run(async () => {
      const { Worker } = await import("node:worker_threads");
      const { createRequire } = await import("node:module");
      const require = createRequire(import.meta.url);
      const text = `
        const { hash, verify } = require(${JSON.stringify(require.resolve("@node-rs/argon2"))});
        hash("text").then((made) => verify(made, "text")).then((same) => process.exitCode = same ? 7 : 1);`;
      const [exitCode] = (await once(new Worker(text, { eval: true }), "exit")) as [number];
      return exitCode;
    });
    assert.equal(code, 7);
  });

  const withSqlite = isBuiltin(sqlite);
  await t.test(
    "SQLite: several children write to one file, one is killed, the others go on",
    { skip: !withSqlite },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "forked-sqlite-"));
      const file = join(folder, "file.db");
      try {
        const killed = new (getContext("forkserver").Process)({
          target: async () => {
            const { DatabaseSync } = (await import(sqlite)) as Sqlite;
            const database = new DatabaseSync(file);
            database.exec("pragma journal_mode = wal; create table if not exists t (who, n); begin immediate");
            database.exec("insert into t values (0, 0)");
            process.kill(process.pid, "SIGKILL"); // In the middle of a transaction, holding the file's lock.
          },
          timeoutMs,
        });
        await killed.start();
        await assert.rejects(killed.result, { code: "ERR_MP_PROCESS_EXITED" });
        await killed.join();
        const writers = [1, 2, 3, 4].map((who) => run(() => write(file, who)));
        assert.deepEqual(await Promise.all(writers), [500, 500, 500, 500]);
        assert.equal(await run(() => write(file, 0)), 500); // What the killed one had written is undone.
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );

  await t.test("preloaded: they work in every child, whichever start method that makes possible", async () => {
    setForkserverPreload(["@node-rs/argon2", "sharp"]);
    try {
      assert.deepEqual(await run(hashes, getContext()), [true, true, true, true, true, false]);
      checkPictures(await run(resize, getContext()));
    } finally {
      setForkserverPreload([]);
    }
  });
});
