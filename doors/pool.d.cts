export * from "../dist/pool.js";
