/**
 * How an end of a pipe crosses: by the handle of its token.
 *
 * Runs in: every process.
 */
import { holdToo } from "../memory/holdings.ts";
import { registerKind } from "../wire/kinds.ts";
import { Connection, makeConnection } from "./connection.ts";
import { claimToken } from "./port.ts";

registerKind({
  name: "connection",
  matches: (value): value is Connection => value instanceof Connection,
  encode(connection: Connection, encoder): void {
    const place = connection.place((why, remedy) => encoder.refuse({ subject: "a Connection", why, remedy }));
    encoder.uint(place.handle);
    encoder.uint((place.readable ? 1 : 0) + (place.writable ? 2 : 0));
    encoder.keep.push(connection);
  },
  decode(decoder): Connection {
    const handle = decoder.uint();
    const abilities = decoder.uint();
    // Before it is held: who is killed in between is a dead holder, not one that nobody knows of.
    if (!claimToken(handle)) return decoder.malformed("it holds an end of a pipe that is no longer there");
    const holding = holdToo(handle);
    if (holding === undefined) return decoder.malformed("it holds an end of a pipe that is no longer there");
    return decoder.adopt(
      makeConnection({ handle, holding }, { readable: (abilities & 1) !== 0, writable: (abilities & 2) !== 0 }),
    );
  },
});
