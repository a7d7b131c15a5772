export * from "../dist/shared-memory.js";
