/**
 * Measures rows: each contender of a row in turn, round after round, so that what the machine does besides meets all
 * of them alike. Absolute times say little on a shared machine; the ratios of one run are what counts.
 *
 * A row: { part, name, unit, better, needs, rounds, target, contenders }
 *   unit        of a sample, "ms" or "/s" …
 *   better      "less" or "more"
 *   needs       names that the package must export; the row waits, and says so, until it does
 *   target      { text, reached(medians): boolean | undefined }, by the names of the contenders
 *   contenders  () => { name: contender }, the first is the one that the others are compared with
 * A contender: { open?(), sample(), close?() }; sample() answers a number in the row's unit.
 *   open() may answer { skip: "why" }.
 */

export function median(list) {
  return quantile(list, 0.5);
}

export function quantile(list, at) {
  const sorted = [...list].sort((a, b) => a - b);
  const place = (sorted.length - 1) * at;
  const below = Math.floor(place);
  const above = Math.ceil(place);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

export async function elapsedMs(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** How many a second, of `count` that `work` does. */
export async function perSecond(count, work) {
  return (count / (await elapsedMs(work))) * 1000;
}

/** The slowest that one sample may be before a contender is given up. */
const sampleLimitMs = 60_000;

async function limited(promise, what) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no answer within ${sampleLimitMs} ms`)), sampleLimitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param {{ available: ReadonlySet<string>, scale: number, progress(text: string): void }} run `scale` multiplies the rounds
 * @returns the row's result: for each contender its samples, or why there are none
 */
export async function measure(row, { available, scale, progress }) {
  const { part, name, unit, better, target } = row;
  const result = { part, name, unit, better, target: target?.text, contenders: {} };
  const missing = (row.needs ?? []).filter((each) => !available.has(each));
  if (missing.length > 0) return { ...result, skipped: `the package does not export ${missing.join(", ")} yet` };

  const contenders = Object.entries(await row.contenders());
  const running = new Map();
  const giveUp = (who, error) => {
    running.delete(who);
    result.contenders[who] = { ...result.contenders[who], skipped: error.message ?? String(error) };
  };
  for (const [who, contender] of contenders) {
    progress(`${name}: ${who} begins`);
    result.contenders[who] = { samples: [] };
    try {
      const opened = await limited(Promise.resolve(contender.open?.()), "open");
      if (opened?.skip === undefined) running.set(who, contender);
      else result.contenders[who].skipped = opened.skip;
    } catch (error) {
      giveUp(who, error);
    }
  }
  const rounds = Math.max(3, Math.round((row.rounds ?? 7) * scale));
  // One round more than is counted: the first compiles, fills caches, and starts what is started once.
  for (let round = -1; round < rounds; round++) {
    for (const [who, contender] of running) {
      progress(`${name}: ${who}, ${round < 0 ? "warming up" : `${round + 1} of ${rounds}`}`);
      try {
        const sample = await limited(Promise.resolve(contender.sample()), "sample");
        if (round >= 0) result.contenders[who].samples.push(sample);
      } catch (error) {
        giveUp(who, error);
      }
    }
  }
  for (const [who, contender] of contenders) {
    progress(`${name}: ${who} ends`);
    await limited(Promise.resolve(contender.close?.()), "close").catch((error) => giveUp(who, error));
  }
  return withRatios(result, target);
}

function withRatios(result, target) {
  const medians = {};
  for (const [who, contender] of Object.entries(result.contenders)) {
    if (contender.samples?.length > 0) {
      medians[who] = contender.median = median(contender.samples);
      contender.quartiles = [quantile(contender.samples, 0.25), quantile(contender.samples, 0.75)];
    }
  }
  const [first] = Object.keys(result.contenders);
  const own = medians[first];
  for (const [who, value] of Object.entries(medians)) {
    // How many times better the first is than this one.
    if (own !== undefined && who !== first) {
      result.contenders[who].ratio = result.better === "less" ? value / own : own / value;
    }
  }
  const reached = own === undefined ? undefined : target?.reached(medians);
  return reached === undefined ? result : { ...result, reached };
}
