import workerpool from "workerpool";
import { double, same } from "../jobs.js";

workerpool.worker({ double, same });
