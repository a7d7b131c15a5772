/** The curves as SVG files, by vega, without a browser. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { curves } from "./curve-titles.js";

const colours = ["#1b6ca8", "#d1495b", "#edae49", "#66a182", "#6f4e7c", "#8d99ae"];

function specification({ title, x, y }, values) {
  const scale = (axis) => (axis.log ? { type: "log", base: 10 } : { type: "linear", zero: true });
  const names = [...new Set(values.map(({ who }) => who))];
  const places = [...new Set(values.map(({ at }) => at))];
  const position = { x: { scale: "x", field: "at" }, stroke: { scale: "colour", field: "who" } };
  return {
    $schema: "https://vega.github.io/schema/vega/v6.json",
    width: 460,
    height: 260,
    padding: 8,
    background: "white",
    title: { text: title, anchor: "start", fontSize: 13 },
    data: [{ name: "table", values }],
    scales: [
      { name: "x", ...scale(x), domain: { data: "table", field: "at" }, range: "width", nice: false },
      { name: "y", ...scale(y), domain: { data: "table", field: "median" }, range: "height", nice: true },
      { name: "colour", type: "ordinal", domain: names, range: colours },
    ],
    axes: [
      {
        orient: "bottom",
        scale: "x",
        title: x.title,
        values: places,
        grid: true,
        gridOpacity: 0.4,
        format: "~s",
        labelOverlap: true,
      },
      {
        orient: "left",
        scale: "y",
        title: y.title,
        grid: true,
        gridOpacity: 0.4,
        format: "~s",
        tickCount: 6,
        labelOverlap: true,
      },
    ],
    legends: [{ stroke: "colour", symbolType: "stroke", orient: "right" }],
    marks: [
      {
        type: "group",
        from: { facet: { name: "line", data: "table", groupby: "who" } },
        marks: [
          {
            type: "line",
            from: { data: "line" },
            encode: { enter: { ...position, y: { scale: "y", field: "median" }, strokeWidth: { value: 2 } } },
          },
          {
            type: "rule",
            from: { data: "line" },
            encode: { enter: { ...position, y: { scale: "y", field: "low" }, y2: { scale: "y", field: "high" } } },
          },
          {
            type: "symbol",
            from: { data: "line" },
            encode: {
              enter: {
                ...position,
                y: { scale: "y", field: "median" },
                fill: { scale: "colour", field: "who" },
                size: { value: 36 },
              },
            },
          },
        ],
      },
    ],
  };
}

/** @returns the names of the curves that were drawn; those without results are not */
export async function draw(results, folder) {
  const { parse, View } = await import("vega");
  mkdirSync(folder, { recursive: true });
  const drawn = [];
  for (const [name, curve] of Object.entries(curves)) {
    const values = results
      .filter((row) => row.curve === name)
      .flatMap((row) =>
        Object.entries(row.contenders).flatMap(([who, { median, quartiles }]) =>
          median === undefined ? [] : [{ at: row.at, who, median, low: quartiles[0], high: quartiles[1] }],
        ),
      );
    if (values.length === 0) continue;
    const view = new View(parse(specification(curve, values)), { renderer: "none" });
    writeFileSync(join(folder, `${name}.svg`), await view.toSVG());
    drawn.push(name);
  }
  return drawn;
}
