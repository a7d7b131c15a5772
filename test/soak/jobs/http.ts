/** A server and its clients on the loopback: node:http and fetch, whose parser is WebAssembly. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export async function http(requests: number): Promise<number> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => response.end(Buffer.concat(parts).toString("utf8").toUpperCase()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  let answered = 0;
  for (let n = 0; n < requests; n++) {
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: `request ${n}` });
    assert.equal(await response.text(), `REQUEST ${n}`);
    answered++;
  }
  server.closeAllConnections();
  server.close();
  await once(server, "close");
  return answered;
}
