/**
 * The tasks of the patterns: one activity, and a double of it whose attempts a test can hold open. It keeps what was carried out.
 *
 * Invariants:
 * P1. The trace has one entry per idempotency key, as an honest receiver would keep it: a call that was lost is missing from it and a call made
 *     twice is in it twice, while an attempt that is merely repeated is not.
 * P2. An attempt of a node that has crashed does nothing more.
 */
import { type ActivityImplementation, type ActivityInfo, activity, typed } from 'perdure';

/** A task, known by its name. Each of its attempts follows the one before within a second. */
export const work = activity('work', { input: typed<string>(), output: typed<string>(), retry: { factor: 1 }, timeout: '52 weeks' });

interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

/** Who does the work. With `crashes`, each attempt that carries a task out takes the node down before it has said so. */
export class Workers {
  /** Names of the tasks that were carried out, in that order. */
  readonly trace: string[] = [];
  readonly implementation: ActivityImplementation = work.implement((name, info) => this.#attempt(name, info));
  readonly #crashes: boolean;
  readonly #gates = new Map<string, Gate>();
  readonly #attempts = new Map<string, string>();
  readonly #carriedOut = new Set<string>();
  #node = 1;
  #isCrashDue = false;

  constructor(crashes: boolean) {
    this.#crashes = crashes;
  }

  /** Names of the tasks that are being worked on, sorted. */
  get open(): readonly string[] {
    return [...this.#attempts.values()].sort();
  }

  /** Has an attempt taken the node down since the last crash? */
  get isCrashDue(): boolean {
    return this.#isCrashDue;
  }

  /** Attempts of a task stay open until it is released. */
  hold(name: string): void {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#gates.set(name, { opened, open });
  }

  release(name: string): void {
    this.#gates.get(name)?.open();
    this.#gates.delete(name);
  }

  /** The node is gone, and its attempts with it. */
  crash(): void {
    this.#node += 1;
    this.#isCrashDue = false;
    this.#attempts.clear();
  }

  async #attempt(name: string, { idempotencyKey, signal }: ActivityInfo): Promise<string> {
    const node = this.#node;
    this.#attempts.set(idempotencyKey, name);
    await Promise.race([this.#gates.get(name)?.opened, aborted(signal)]);
    if (node !== this.#node) return never();
    this.#attempts.delete(idempotencyKey);
    if (signal.aborted) throw signal.reason;
    if (this.#carriedOut.has(idempotencyKey)) return name;
    this.#carriedOut.add(idempotencyKey);
    this.trace.push(name);
    if (!this.#crashes) return name;
    this.#isCrashDue = true;
    return never();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
