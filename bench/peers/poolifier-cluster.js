import { ClusterWorker } from "poolifier";
import { double, same } from "../jobs.js";

export default new ClusterWorker({ double, same });
