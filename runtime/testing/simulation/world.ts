import { heapPop, heapPush } from '../../core/heap.ts';
import type { Dice } from './dice.ts';
import { Trace } from './trace.ts';

/**
 * A world in which everything that is asynchronous is a step, and a seed says which step comes next.
 *
 * Invariants:
 * W1. A step runs only when all microtasks of the step before have run, however long their chains: between steps control passes through
 *     `process.nextTick`, whose queue Node looks at only when the microtask queue is empty.
 * W2. Of the steps that are due any may be next; time stands still while one is due and then jumps to the next.
 * W3. The order of steps depends on the seed alone: no real timer, clock or randomness takes part.
 */
export class World {
  readonly trace = new Trace();
  /** What steps threw. */
  readonly uncaught: string[] = [];
  readonly #dice: Dice;
  #nowMs: number;
  #count = 0;
  #due: Step[] = [];
  /** Binary heap by (atMs, number). */
  readonly #later: Step[] = [];

  constructor(dice: Dice, startMs = 1_700_000_000_000) {
    this.#dice = dice.fork('world');
    this.#nowMs = startMs;
  }

  /** Virtual time, milliseconds since 1970. Never goes backwards. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Steps run so far. */
  get steps(): number {
    return this.#count;
  }

  /** Plans a step, `delayMs` from now or later. The returned function cancels it. */
  plan(label: string, delayMs: number, run: () => void): () => void {
    this.#number += 1;
    const step: Step = { label, atMs: this.#nowMs + Math.max(0, Math.ceil(delayMs)), number: this.#number, run, cancelled: false };
    if (step.atMs <= this.#nowMs) this.#due.push(step);
    else heapPush(this.#later, step, before);
    return () => {
      step.cancelled = true;
    };
  }
  #number = 0;

  /** Resolves `delayMs` from now. */
  sleep(delayMs: number, label = 'sleep'): Promise<void> {
    return new Promise((resolve) => void this.plan(label, delayMs, resolve));
  }

  /** Adds a fact to the trace. */
  note(what: string, ...fields: readonly unknown[]): void {
    this.trace.add(this.#nowMs, what, ...fields);
  }

  /** Runs steps until `finished`, `forMs` have passed, nothing is left or `maxSteps` have run; says which it was. */
  async run(options: { readonly finished?: () => boolean; readonly forMs?: number; readonly maxSteps?: number }): Promise<RunEnd> {
    const endMs = this.#nowMs + (options.forMs ?? Number.POSITIVE_INFINITY);
    const last = this.#count + (options.maxSteps ?? Number.POSITIVE_INFINITY);
    for (;;) {
      await drain();
      if (options.finished?.() === true) return 'finished';
      if (this.#count >= last) return 'too-many-steps';
      const step = this.#next(endMs);
      if (step === undefined) return this.#nowMs >= endMs ? 'time' : 'idle';
      this.#count += 1;
      this.trace.add(this.#nowMs, step.label);
      this.#take(step);
    }
  }

  /** What a step throws would end a process; here it is a fact, and the world goes on. */
  #take({ run, label }: Step): void {
    try {
      run();
    } catch (error) {
      this.uncaught.push(`${label}: ${error instanceof Error ? error.stack : String(error)}`);
      this.note('uncaught', String(error));
    }
  }

  #next(endMs: number): Step | undefined {
    for (;;) {
      while (this.#due.length > 0) {
        const at = this.#due.length === 1 ? 0 : this.#dice.int(0, this.#due.length - 1);
        const step = this.#due[at];
        const last = this.#due.pop();
        if (last !== undefined && at < this.#due.length) this.#due[at] = last;
        if (step !== undefined && !step.cancelled) return step;
      }
      const first = this.#later[0];
      if (first?.cancelled) {
        heapPop(this.#later, before);
        continue;
      }
      if (first === undefined || first.atMs > endMs) {
        if (Number.isFinite(endMs)) this.#nowMs = endMs;
        return undefined;
      }
      this.#nowMs = first.atMs;
      while (this.#later[0] !== undefined && this.#later[0].atMs <= this.#nowMs) {
        const step = heapPop(this.#later, before);
        if (step !== undefined && !step.cancelled) this.#due.push(step);
      }
    }
  }
}

/** Why a run ended. */
export type RunEnd = 'finished' | 'time' | 'idle' | 'too-many-steps';

interface Step {
  readonly label: string;
  readonly atMs: number;
  readonly number: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** All microtasks have run when this resolves (W1). */
function drain(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

function before(a: Step, b: Step): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number);
}
