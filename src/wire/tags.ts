/**
 * The first byte of each value of a message. Pure.
 *
 *   message   version | body | modules                     version: one byte, the body's length and the modules only
 *                                                           when there are modules
 *   value     tag | what the tag says
 *
 * Numbers are LEB128 where nothing else is said. Objects are numbered in the order in which their tags come, so that
 * `reference` can name one that came before. A shape (the keys of a plain object: their number, the length of their texts
 * in four bytes, the texts) is written once a message, or more often where the sender has forgotten it.
 *
 * Runs in: every process.
 */
export const version = { plain: 0xa1, withModules: 0xa2 } as const;

export const tag = {
  undefined: 0,
  null: 1,
  true: 2,
  false: 3,
  /** Zigzag. */
  integer: 4,
  double: 5,
  bigint: 6,
  latin1: 7,
  utf16: 8,
  reference: 9,
  newShape: 10,
  knownShape: 11,
  /** A plain object without prototype; its shape follows. */
  bareObject: 12,
  array: 13,
  /** An array with holes or properties of its own. */
  sparseArray: 14,
  hole: 15,
  map: 16,
  set: 17,
  date: 18,
  regExp: 19,
  boxed: 20,
  registeredSymbol: 21,
  wellKnownSymbol: 22,
  arrayBuffer: 23,
  resizableArrayBuffer: 24,
  view: 25,
  /** A Buffer that has its bytes for itself: of a pool, only its own part crosses. */
  buffer: 26,
  error: 27,
  url: 28,
  urlSearchParams: 29,
  kind: 30,
  /** The content comes after everything else: the nesting was too deep for the stack. */
  deferred: 31,
  /** A plain object that has symbols or a key "__proto__" too. */
  carefulObject: 32,
  /** An array of nothing but whole numbers: its length, the bytes of each (1, 2 or 4), and they. */
  integers: 33,
  /** An array of nothing but numbers: its length, and each as a double. */
  doubles: 34,
  /** One of the language's own objects that has properties of its own besides: the object, and they. */
  extended: 35,
  domException: 36,
  /** A view as long as its resizable buffer is: without a length. */
  trackingView: 37,
  /** The `arguments` of a function. */
  arguments: 38,
  /** An object or array that is not extensible, sealed or frozen: how much, and the object. */
  closed: 39,
  /** A large ArrayBuffer whose bytes are not in the message: its length, and the number under which they are found. */
  asideBuffer: 40,
  /** 0x40 … 0x7f: the integers 0 … 63. */
  smallInteger: 0x40,
  /** 0x80 … 0xff: a Latin-1 string of 0 … 127 characters. */
  shortString: 0x80,
} as const;

/** Levels of nesting that the stack carries on any machine, kinds included; deeper content is deferred. Arbitrary. */
export const deepestNesting = 400;
