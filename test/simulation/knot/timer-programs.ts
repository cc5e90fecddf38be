import type { Step } from './program.ts';

/** What durable timers do, by their key. */
const PROGRAMS: Readonly<Record<string, Step>> = {
  nap: { do: 'seq', steps: [{ do: 'sleep', ms: 300 }, { do: 'emit' }] },
  errand: { do: 'chore', behaviours: ['fail', 'ok'], timeoutMs: 500 },
  refuse: { do: 'seq', steps: [{ do: 'sleep', ms: 1 }, { do: 'reject' }] },
  again: {
    do: 'seq',
    steps: [
      { do: 'bump', id: 'b', bad: false },
      { do: 'timer', timer: 'tick', key: 'again', delayMs: 400 },
    ],
  },
};

export const TIMER_KEYS: readonly string[] = Object.keys(PROGRAMS);

/** The program of a durable timer. */
export function timerProgram(key: string): Step {
  return PROGRAMS[key] ?? { do: 'emit' };
}
