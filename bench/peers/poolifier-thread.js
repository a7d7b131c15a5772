import { ThreadWorker } from "poolifier";
import { double, same } from "../jobs.js";

export default new ThreadWorker({ double, same });
