"use strict";
// The CommonJS door: the same instance as the ESM one, since there must be one registry of processes.
module.exports = require("../dist/pool.js");
