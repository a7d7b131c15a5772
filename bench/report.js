/** Results as a table for a terminal, and as docs/benchmarks.md. Pure. */
import { curves } from "./curve-titles.js";

/** Three digits that say something. */
export function amount(value) {
  if (value === undefined) return "–";
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toPrecision(3)} million`;
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

const withUnit = (value, unit) => `${amount(value)}${unit.startsWith("/") ? unit : ` ${unit}`}`;

const verdict = (row) =>
  row.skipped !== undefined ? "not measured" : row.reached === undefined ? "" : row.reached ? "reached" : "**missed**";

export function terminalTable(results) {
  const lines = [];
  for (const row of results) {
    lines.push("", `${row.name}${row.target === undefined ? "" : `   (target ${row.target})`}`);
    if (row.skipped !== undefined) {
      lines.push(`  not measured: ${row.skipped}`);
      continue;
    }
    for (const [who, { median, quartiles, ratio, skipped }] of Object.entries(row.contenders)) {
      const value = median === undefined ? `no result: ${skipped}` : withUnit(median, row.unit);
      const spread = quartiles === undefined ? "" : `${amount(quartiles[0])} … ${amount(quartiles[1])}`;
      const against = ratio === undefined ? "" : `${amount(ratio)} ×`;
      lines.push(`  ${who.padEnd(34)} ${value.padStart(18)}  ${spread.padStart(26)}  ${against.padStart(9)}`);
    }
    if (row.reached !== undefined) lines.push(`  ${row.reached ? "target reached" : "TARGET MISSED"}`);
  }
  return lines.join("\n").trimStart();
}

const cell = (text) => text.replaceAll("|", "\\|");

function rowOf(row) {
  if (row.skipped !== undefined)
    return `| ${cell(row.name)} | not measured: ${cell(row.skipped)} | | ${cell(row.target ?? "")} | |`;
  const [own, ...others] = Object.entries(row.contenders);
  const describe = ([who, { median, quartiles, ratio, skipped }]) => {
    if (median === undefined) return `${who}: no result (${skipped})`;
    const against = ratio === undefined ? "" : `, **${amount(ratio)} ×**`;
    return `${who}: ${withUnit(median, row.unit)} (${amount(quartiles[0])} … ${amount(quartiles[1])})${against}`;
  };
  const rest = others.map(describe).join("<br>");
  return `| ${cell(row.name)} | ${cell(describe(own))} | ${cell(rest)} | ${cell(row.target ?? "")} | ${verdict(row)} |`;
}

/** @param {{ machine: string, date: string, notes: string[] }} facts */
export function markdown(results, { machine, date, notes }, drawn) {
  const rows = results.filter((row) => row.part !== "curves");
  const curveRows = results.filter((row) => row.part === "curves");
  const missed = rows.filter((row) => row.reached === false);
  const lines = [
    "# Benchmarks",
    "",
    "Written by `npm run bench -- --write`. Each row measures the library and the others on the same work, **in one run, in",
    "turns**: the median, the quartiles in brackets, and how many times better the first contender is than each of the",
    "others (below 1: worse). Absolute times are those of this machine; the ratios are what counts. Losses stay in.",
    "",
    `${machine}. ${date}.`,
    ...notes.map((note) => `\n- ${note}`),
    "",
  ];
  for (const part of [...new Set(rows.map((row) => row.part))]) {
    lines.push(
      `## ${part}`,
      "",
      "| work | node-multiprocessing | others | target | |",
      "| --- | --- | --- | --- | --- |",
    );
    lines.push(...rows.filter((row) => row.part === part).map(rowOf), "");
  }
  lines.push("## What falls short", "");
  lines.push(
    missed.length === 0
      ? "No row that was measured missed its target."
      : missed
          .map(
            (row) =>
              `- ${row.name}: ${withUnit(Object.values(row.contenders)[0].median, row.unit)}, target ${row.target}`,
          )
          .join("\n"),
    "",
    "Why, row by row, with profiles: [performance.md](performance.md).",
    "",
  );
  if (drawn.length > 0) lines.push("## How cost grows", "");
  for (const name of drawn) lines.push(`![${curves[name].title}](plots/${name}.svg)`, "");
  if (curveRows.length > 0) {
    lines.push("| place on a curve | node-multiprocessing | others | | |", "| --- | --- | --- | --- | --- |");
    lines.push(...curveRows.map(rowOf), "");
  }
  return `${lines.join("\n").trimEnd()}\n`;
}
