/**
 * The door `node-multiprocessing/shared-memory`: as Python's `multiprocessing.shared_memory`, and what is beyond it.
 *
 * Runs in: every process that imports it.
 */
export { ShareableList, type ShareableListOptions, type ShareableValue } from "../sync/shareable-list.ts";
export { SharedMemory, type SharedMemoryOptions } from "../sync/shared-memory.ts";
export { SharedArray, type TypedArray, type TypedArrayConstructor } from "../sync/shared-array.ts";
export { SharedValue, type SharedValueKind, type ValueOf } from "../sync/shared-value.ts";
