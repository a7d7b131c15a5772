/** Preloaded by fork servers: so much that the server puts it into large pages. */
export const numbers: number[] = new Array<number>(24 * 2 ** 20).fill(1.5);
