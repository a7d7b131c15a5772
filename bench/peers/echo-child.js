/** A child of child_process.fork: answers each message with itself; told { produce }, sends that many. */
process.on("message", (message) => {
  if (message?.produce === undefined) return process.send(message);
  const item = message.item ?? new Uint8Array(message.sizeBytes);
  for (let n = 0; n < message.produce; n++) process.send(item);
});
