"use strict";
// The CommonJS door: the same instance as the ESM one.
module.exports = require("../dist/shared-memory.js");
