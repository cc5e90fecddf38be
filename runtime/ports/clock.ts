/**
 * Time and scheduling, so that the host runs the same under the real clock, virtual time and the simulation.
 */
export interface Clock {
  /** Milliseconds since 1970. May jump; the host never lets turn time go backwards. */
  now(): number;
  /** Calls `run` once, not earlier than `delayMs` from now. The returned function cancels it. */
  after(delayMs: number, run: () => void): () => void;
  /** Calls `run` once, soon, after I/O that is ready (setImmediate): what the tick is scheduled with. */
  soon(run: () => void): void;
}
