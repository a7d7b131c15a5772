/** All rows, in the order of the page. */
const modules = ["rows/start", "rows/wire", "rows/sync", "rows/memory", "rows/channel", "rows/pool", "curves"];
export const allRows = (await Promise.all(modules.map((name) => import(`./${name}.js`)))).flatMap(
  (module) => module.default,
);
