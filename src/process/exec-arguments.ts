/**
 * The options of Node that a child inherits: those of this process, less those that only a main program can have. Pure.
 *
 * Runs in: the owner.
 * Why not all: `-e` would run the main program again, `--input-type` refuses a file, `--test` and `--watch` would start
 * runners of their own, `--env-file` would undo what the program has since changed, and `--inspect` would make the
 * children fight for one port (pass it in `execArgv` to debug a child).
 */

/** Options that stand alone, or carry their value after "=". */
const droppedFlags =
  /^--?(?:e|eval|p|pe|print|i|interactive|c|check|test|test-.*|experimental-test-.*|watch|watch-.*|run|input-type|env-file|env-file-if-exists|inspect|inspect-brk|inspect-wait|inspect-port|debug-port|inspect-publish-uid|build-snapshot|build-snapshot-config|experimental-sea-config|build-sea|entry-url|prof-process|v8-options|completion-bash)$/;

/** Of those, the ones whose value may be the next word. */
const droppedWithValue =
  /^--?(?:e|eval|p|pe|print|test-[a-z-]+|watch-path|run|input-type|env-file|env-file-if-exists|inspect-port|debug-port|inspect-publish-uid|build-snapshot-config|experimental-sea-config|build-sea)$/;

/** Options of the test runner that take no value: a following word is not theirs. */
const droppedWithoutValue = /^--test-(?:only|force-exit|update-snapshots|rerun-failures)$/;

export function inheritedExecArgv(execArgv: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < execArgv.length; i++) {
    const word = execArgv[i]!;
    const name = word.split("=", 1)[0]!;
    if (!droppedFlags.test(name)) {
      kept.push(word);
      continue;
    }
    const takesNext = droppedWithValue.test(name) && !droppedWithoutValue.test(name) && !word.includes("=");
    const next = execArgv[i + 1];
    if (takesNext && next !== undefined && (/^-(?:e|p|pe)$|^--(?:eval|print)$/.test(name) || !next.startsWith("-")))
      i++;
  }
  return kept;
}

/** The environment of a child: NODE_OPTIONS without the options that would make children fight for the inspector's port. */
export function withoutInspector(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const options = env["NODE_OPTIONS"];
  if (options === undefined || !options.includes("--inspect")) return env;
  const kept = options
    .replace(/(^|\s)--inspect-(?:port|publish-uid)\s+[^\s-]\S*/g, "$1")
    .replace(/(^|\s)--inspect(?:-brk|-wait|-port|-publish-uid)?(?:=("[^"]*"|\S*))?(?=\s|$)/g, "$1");
  return { ...env, NODE_OPTIONS: kept.trim() };
}
