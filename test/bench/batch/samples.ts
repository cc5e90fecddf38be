import { type Spread, spread } from '../lib/figures.ts';
import type { Memory } from '../lib/machine.ts';

/** What was seen at one moment of a batch. */
export interface Sample {
  /** Since its start. */
  readonly ms: number;
  readonly done: number;
  readonly memory: Memory;
}

/** One part of a batch, all parts having taken the same time. */
export interface Part {
  /** Tasks done at its end. */
  readonly done: number;
  readonly perSecond: number;
  readonly rss: Spread;
  readonly anon: Spread;
  readonly file: Spread;
}

/**
 * Cuts a batch into `parts` of equal time. By time and not by tasks, because what is done is counted when a child ends, and children that were started
 * together end together.
 */
export function partsOf(samples: readonly Sample[], parts: number): readonly Part[] {
  const partMs = (samples.at(-1)?.ms ?? Number.NaN) / parts;
  let before = 0;
  return Array.from({ length: parts }, (_, at) => {
    const isLast = at === parts - 1;
    const within = samples.filter(({ ms }) => ms >= at * partMs && (isLast || ms < (at + 1) * partMs));
    const of = (pick: (memory: Memory) => number) => spread(within.map(({ memory }) => pick(memory)));
    const done = within.at(-1)?.done ?? before;
    const perSecond = ((done - before) * 1_000) / partMs;
    before = done;
    return { done, perSecond, rss: of(({ rss }) => rss), anon: of(({ anon }) => anon), file: of(({ file }) => file) };
  });
}
