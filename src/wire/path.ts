/**
 * Where in a value the encoder is: what an error names when something cannot be copied.
 *
 * Runs in: the process that sends.
 * Why raw keys: a path is kept for each value that is encoded, and shown for almost none.
 */
/** A key, an index, or a piece of text that a kind has put together. */
export type Step = string | number | { readonly text: string };

export function showPath(root: string, steps: readonly Step[]): string {
  let path = root;
  for (const step of steps) {
    if (typeof step === "number") path += `[${step}]`;
    else if (typeof step === "object") path += step.text;
    else path += isIdentifier(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
  }
  return path;
}

/** Made when it is first needed: to look up these properties takes 0.4 ms, a fortieth of the library's import. */
function isIdentifier(text: string): boolean {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u.test(text);
}
