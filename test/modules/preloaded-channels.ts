/** Makes channels when it is loaded: in the fork server, where it is preloaded. */
import { JoinableQueue, Lock, Pipe, Queue } from "#src/index.js";

export const queue: Queue<string> = new Queue<string>();
export const jobs: JoinableQueue<number> = new JoinableQueue<number>();
const [here, there] = Pipe<string>();

export async function putAndSay(text: string): Promise<number> {
  await queue.put(text);
  await jobs.put(text.length);
  return process.pid;
}

export async function getAndSay(): Promise<string> {
  const text = await queue.get({ timeoutMs: 10_000 });
  await jobs.get({ timeoutMs: 10_000 });
  jobs.taskDone();
  return `${text}, ${await jobs.join({ timeoutMs: 10_000 })} lost`;
}

/** Ends have one holder: the server's are not its children's. */
export async function useEnds(): Promise<unknown[]> {
  const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;
  const answers: unknown[] = [];
  for (const use of [() => here.send("x"), () => there.recv({ timeoutMs: 1000 })]) {
    answers.push(await use().then(() => "done", codeOf));
  }
  return answers;
}

/** Closing what is the server's takes nothing of the child's own; how many of its locks are held by nobody afterwards. */
export async function closeEnds(): Promise<number> {
  const locks = Array.from({ length: 20 }, () => new Lock());
  here.close();
  there.close();
  const { handleOf } = await import("#src/memory/holdings.js");
  const { holders } = await import("#src/memory/arena.js");
  return locks.filter((lock) => holders(handleOf(lock)!) !== 1).length;
}

/** Their own work as ever. */
export async function ownChannels(): Promise<string> {
  const [a, b] = Pipe<string>();
  await a.send("own");
  return b.recv({ timeoutMs: 1000 });
}
