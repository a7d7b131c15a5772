"use strict";
// The CommonJS door: the same bundle as the ESM one's, since there must be one registry of processes.
module.exports = require("../dist/bundle/chunks/loader.cjs").door("shared-memory", __filename);
