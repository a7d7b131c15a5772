#!/usr/bin/env node
/* A classic script without a directive: what is strict in it is so by what stands around. */
class Part {
  method() {
    return this;
  }
}
function strictInside() {
  "use strict";
  return function () {
    return this;
  };
}
const plain = () =>
  function () {
    return this;
  };

exports.handOut = () => ({
  ofClass: new Part().method,
  inside: strictInside(),
  plain: plain(),
  ofModule: () => [typeof module.exports.handOut, typeof exports.handOut, module.filename === __filename],
});
