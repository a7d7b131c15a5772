/** Frames are whole whatever the pieces in which they come; what is no frame is an error. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameReader, frameHead, type Frame } from "#src/process/frames.js";

test("frames cut anywhere are put together again", () => {
  const frame = fc.record({
    kind: fc.constantFrom("preparation", "job", "result", "error"),
    payload: fc.uint8Array({ maxLength: 300 }),
  });
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (frames, cuts) => {
      const sent = frames as Frame[];
      const bytes = Buffer.concat(sent.flatMap(({ kind, payload }) => [frameHead(kind, payload.length), payload]));
      const reader = new FrameReader();
      const received: Frame[] = [];
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const end = at + cuts[n % cuts.length]!;
        received.push(...reader.push(bytes.subarray(at, end)));
        at = end;
      }
      assert.deepEqual(
        received.map(({ kind, payload }) => [kind, [...payload]]),
        sent.map(({ kind, payload }) => [kind, [...payload]]),
      );
    }),
  );
});

test("bytes that are no frame are refused", () => {
  for (const bytes of [Buffer.from("some text that is no frame"), Buffer.alloc(9), Buffer.alloc(9, 0xff)]) {
    assert.throws(() => [...new FrameReader().push(bytes)], { code: "ERR_MP_MALFORMED_MESSAGE" });
  }
});
