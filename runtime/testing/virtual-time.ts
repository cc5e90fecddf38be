/**
 * Time that stands still until it is moved, for one process of tests.
 *
 * Invariants:
 * V1. Steps run one at a time, in the order of their time and, at one time, in the order they were planned. No real clock takes part.
 * V2. Time moves by `moveTo` alone and never back. What was due in between is due now, in order: a machine that slept and woke.
 */
export class VirtualTime {
  #nowMs: number;
  #number = 0;
  /** Due steps, in order, from `#first` on. */
  #due: Step[] = [];
  #first = 0;
  /** Later steps, sorted by time and number. */
  readonly #later: Step[] = [];

  /** `startMs`: milliseconds since 1970. */
  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  /** Milliseconds since 1970. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** When the earliest later step is due, milliseconds since 1970; undefined if none is planned. */
  get nextMs(): number | undefined {
    return this.#later[0]?.atMs;
  }

  /** Plans a step, `delayMs` from now. The returned function cancels it. */
  plan(delayMs: number, run: () => void): () => void {
    this.#number += 1;
    const step: Step = { atMs: this.#nowMs + Math.max(0, Math.ceil(delayMs)), number: this.#number, run, cancelled: false };
    if (step.atMs <= this.#nowMs) this.#due.push(step);
    else this.#later.splice(this.#place(step), 0, step);
    return () => {
      step.cancelled = true;
      const place = this.#place(step);
      if (this.#later[place] === step) this.#later.splice(place, 1);
    };
  }

  /** Runs the next step that is due; false if none is. What it throws is thrown on. */
  step(): boolean {
    while (this.#first < this.#due.length) {
      const step = this.#due[this.#first];
      this.#first += 1;
      if (this.#first === this.#due.length) {
        this.#due = [];
        this.#first = 0;
      }
      if (step === undefined || step.cancelled) continue;
      step.run();
      return true;
    }
    return false;
  }

  /** Moves time forward (V2). An earlier time changes nothing. */
  moveTo(atMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, atMs);
    let count = 0;
    while ((this.#later[count]?.atMs ?? Number.POSITIVE_INFINITY) <= this.#nowMs) count += 1;
    this.#due.push(...this.#later.splice(0, count));
  }

  /** Where a step stands, or would stand, among the later ones. */
  #place(step: Step): number {
    let low = 0;
    let high = this.#later.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#later[middle];
      if (other !== undefined && (other.atMs < step.atMs || (other.atMs === step.atMs && other.number < step.number))) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

interface Step {
  readonly atMs: number;
  readonly number: number;
  readonly run: () => void;
  cancelled: boolean;
}
