/**
 * A log with one writer: many processes put records into a queue, one process appends them to a file and rotates it.
 * The writer is killed twice and replaced each time; every record is on disk exactly once, or the program fails.
 *
 * A queue keeps what was put whatever becomes of who put it; what a consumer had taken when it was killed is gone. So a
 * producer keeps each record until the writer has said that it is on disk, and a new writer asks for what is missing.
 */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Process, Queue } from "node-multiprocessing";

interface LogRecord {
  readonly producer: number;
  /** 1, 2, 3, … for each producer: by it the writer knows what it has already, and what is missing. */
  readonly number: number;
  readonly text: string;
}

interface Answer {
  /** All records of this producer up to here are on disk. */
  readonly written: number;
  /** A new writer has come: what was under way may be lost. */
  readonly again: boolean;
}

const [producerCount, recordsEach, mostOnTheWay, batchSize, fileBytes] = [4, 4_000, 200, 50, 100_000];
const total = producerCount * recordsEach;
const folder = fs.mkdtempSync(join(tmpdir(), "distributed-log-"));
const records = new Queue<LogRecord>({ maxSize: 1_000 }); // put() waits while the writer does not keep up.
const answers = Array.from({ length: producerCount }, () => new Queue<Answer>());
const progress = new Queue<number>();

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

/** The files in the order in which they were written. */
function logFiles(): string[] {
  const number = (name: string): number => Number(name.split(".")[1]);
  return fs.readdirSync(folder).sort((a, b) => number(a) - number(b));
}

/** How far each producer's records are on disk. A line that a killed writer had not finished is cut off. */
function recover(): number[] {
  const written = new Array<number>(producerCount).fill(0);
  for (const name of logFiles()) {
    const bytes = fs.readFileSync(join(folder, name));
    const whole = bytes.lastIndexOf("\n") + 1;
    if (whole < bytes.length) fs.truncateSync(join(folder, name), whole);
    for (const line of bytes.toString("utf8", 0, whole).split("\n").slice(0, -1)) {
      const { producer, number } = JSON.parse(line) as LogRecord;
      written[producer] = number;
    }
  }
  return written;
}

async function write(): Promise<void> {
  const written = recover();
  for (const [producer, queue] of answers.entries()) await queue.put({ written: written[producer]!, again: true });
  let fileNumber = logFiles().length + 1;
  let file = fs.openSync(join(folder, `log.${fileNumber}`), "a");
  let size = 0;
  for await (const first of records) {
    const batch = [first];
    while (batch.length < batchSize && records.size > 0) batch.push(await records.get()); // There is no other consumer.
    let lines = "";
    for (const record of batch) {
      // Less: it is on disk already. More: one before it was lost, and all from there on come again.
      if (record.number !== written[record.producer]! + 1) continue;
      written[record.producer] = record.number;
      lines += `${JSON.stringify(record)}\n`;
    }
    size += fs.writeSync(file, lines);
    fs.fsyncSync(file); // Only then is it said to be on disk.
    for (const producer of new Set(batch.map((record) => record.producer))) {
      await answers[producer]!.put({ written: written[producer]!, again: false });
    }
    await progress.put(sum(written));
    if (size < fileBytes) continue;
    fs.closeSync(file);
    file = fs.openSync(join(folder, `log.${++fileNumber}`), "a");
    size = 0;
  }
}

/** Resolves to how many records it had to send again. */
async function produce(producer: number): Promise<number> {
  let onTheWay: LogRecord[] = [];
  let sentAgain = 0;
  const heed = async ({ written, again }: Answer): Promise<void> => {
    onTheWay = onTheWay.filter((record) => record.number > written);
    if (!again) return;
    sentAgain += onTheWay.length;
    for (const record of onTheWay) await records.put(record);
  };
  for (let number = 1; number <= recordsEach; number++) {
    const record = { producer, number, text: `request ${number} has been served` };
    onTheWay.push(record);
    await records.put(record);
    while (onTheWay.length >= mostOnTheWay) await heed(await answers[producer]!.get());
  }
  while (onTheWay.length > 0) await heed(await answers[producer]!.get());
  return sentAgain;
}

let writer = await new Process({ target: write, name: "writer" }).start();
const producers = answers.map((_, producer) => new Process({ target: produce, args: [producer] }));
for (const producer of producers) await producer.start();

for (const share of [0.1, 0.4]) {
  while ((await progress.get()) < share * total);
  writer.kill(); // As the kernel does when memory is short: wherever it is at this moment.
  await writer.join();
  console.log(`the writer ended with ${writer.exitCode}`);
  writer = await new Process({ target: write, name: "writer" }).start();
}
const again = sum(await Promise.all(producers.map(({ result }) => result)));
records.close(); // The writer's loop ends once the queue is empty.
await writer.result;

const seen = new Array<number>(producerCount).fill(0);
let wrong = 0;
const files = logFiles();
for (const line of files.flatMap((name) => fs.readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1))) {
  const { producer, number } = JSON.parse(line) as LogRecord;
  if (number !== ++seen[producer]!) wrong++;
}
const onDisk = sum(seen);
console.log(`${onDisk} of ${total} records in ${files.length} files; ${again} were sent again`);
fs.rmSync(folder, { recursive: true });
if (onDisk !== total || wrong > 0) throw new Error("records are missing, out of order or there twice");
console.log("none is missing, none is there twice");
