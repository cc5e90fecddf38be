/** The arguments that every bench understands. */
export interface Arguments {
  /** Fewer and shorter rounds: a look, not a figure to quote. */
  readonly quick: boolean;
  /** Only cases and systems whose name contains one of these; empty: all. */
  readonly only: readonly string[];
  /** Rounds, if given. */
  readonly rounds: number | undefined;
}

/** Reads `[--quick] [--rounds N] [--only text]…`. Throws for anything else. */
export function readArguments(args: readonly string[]): Arguments {
  const only: string[] = [];
  let quick = false;
  let rounds: number | undefined;
  for (let at = 0; at < args.length; at += 1) {
    if (args[at] === '--quick') quick = true;
    else if (args[at] === '--only' && args[at + 1] !== undefined) only.push(args[++at] ?? '');
    else if (args[at] === '--rounds' && Number(args[at + 1]) > 0) rounds = Number(args[++at]);
    else throw new Error(`unknown argument ${args[at]}; known are --quick, --rounds N, --only TEXT`);
  }
  return { quick, only, rounds };
}

export function chosen<T extends { readonly name: string }>(all: readonly T[], only: readonly string[]): readonly T[] {
  const some = all.filter(({ name }) => only.some((text) => name.includes(text)));
  return some.length === 0 ? all : some;
}
