/** A module that others import: its exports cross by reference. */
export type Pair = readonly [number, number];

export function twice(n: number): number {
  return n * 2;
}

export class Exported {
  readonly n: number;
  constructor(n: number) {
    this.n = n;
  }
  static make(n: number): Exported {
    return new Exported(n);
  }
  get(): number {
    return this.n;
  }
}

export const arrow = (n: number): number => n + 1;
const hidden = (n: number): number => n + 100;
export { hidden as renamed };
export const settings = { mode: "fast", list: [1, 2] };
export default function (n: number): number {
  return n - 1;
}
/** Not exported: crosses by value when it is handed out. */
let secret = 7;
export function handOut(): { read: () => number; write: (n: number) => void } {
  return {
    read: () => secret,
    write: (n) => {
      secret = n;
    },
  };
}
