import { setTimeout as passed } from 'node:timers/promises';

const KINDS = ['unhandledRejection', 'uncaughtException'] as const;

/** Something that would have ended the process. */
export interface Unhandled {
  readonly kind: (typeof KINDS)[number];
  readonly error: unknown;
}

/** Runs `body` and returns what nobody handled until `settleMs` after it. Meanwhile the test runner is told nothing of it. */
export async function unhandledDuring(body: () => Promise<void>, settleMs = 50): Promise<readonly Unhandled[]> {
  const found: Unhandled[] = [];
  const restore = KINDS.map((kind) => divert(kind, (error) => found.push({ kind, error })));
  try {
    await body();
    await passed(settleMs);
  } finally {
    for (const back of restore) back();
  }
  return found;
}

function divert(kind: Unhandled['kind'], listener: (error: unknown) => void): () => void {
  const others = process.rawListeners(kind);
  process.removeAllListeners(kind);
  process.on(kind, listener);
  return () => {
    process.removeListener(kind, listener);
    for (const other of others) process.on(kind, other as (error: unknown) => void);
  };
}
