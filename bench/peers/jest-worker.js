export { double, same, lengthOf } from "../jobs.js";
