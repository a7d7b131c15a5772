import { Process } from "node-multiprocessing";

const greeting = "hello";

function dance(times: number, { pauseMs }: { pauseMs: number }): string {
  console.log(`${greeting} from process ${process.pid}: ${times} steps, ${pauseMs} ms apart`);
  return "done";
}

const dancer = new Process({ target: dance, args: [5], kwargs: { pauseMs: 200 }, name: "dancer" });
await dancer.start();
console.log(await dancer.result);
await dancer.join();
