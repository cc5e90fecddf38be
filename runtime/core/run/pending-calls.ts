import type { AnySchema } from '../definition/types.ts';
import { Awaited } from './awaited.ts';
import { Predicates } from './predicates.ts';

/** Something that a handler waits for. */
export interface Pending {
  readonly kind: 'signal' | 'activity' | 'query' | 'sleep' | 'until' | 'callback' | 'resume';
  readonly call: number;
  readonly name: string;
  readonly promise: Awaited<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
  /** `callback`: what a completion has to fit. */
  readonly output: AnySchema | undefined;
}

/** What is waited for, beside the record that asks for it; `predicate` of an `until`. */
export type Waiting = Pick<Pending, 'kind' | 'name'> &
  Partial<Pick<Pending, 'output'>> & { readonly predicate?: (state: unknown) => boolean };

/**
 * The calls, sleeps, untils and callbacks that one execution waits for, numbered in the order in which they were started.
 */
export class PendingCalls {
  /** Of the `until`s: however much else is open, only they are asked after each message. */
  readonly predicates = new Predicates();
  readonly #pending = new Map<number, Pending>();
  /** Settled before anybody awaited them; somebody still may. */
  readonly #unclaimed: Pending[] = [];
  #last = 0;

  get size(): number {
    return this.#pending.size;
  }

  has(call: number): boolean {
    return this.#pending.has(call);
  }

  get(call: number): Pending | undefined {
    return this.#pending.get(call);
  }

  /** The next number. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }

  /** A promise for what has this number. */
  add(call: number, { kind, name, predicate, output }: Waiting): Awaited<unknown> {
    let settle: Pick<Pending, 'resolve' | 'reject'> | undefined;
    const promise = new Awaited<unknown>((resolve, reject) => {
      settle = { resolve, reject };
    });
    if (settle !== undefined)
      this.#pending.set(call, { kind, name, call, promise, resolve: settle.resolve, reject: settle.reject, output });
    if (predicate !== undefined) this.predicates.add(call, predicate);
    return promise;
  }

  /** Takes one out, to be settled. */
  take(call: number): Pending | undefined {
    const waiting = this.#pending.get(call);
    this.#pending.delete(call);
    this.predicates.delete(call);
    if (waiting !== undefined && !waiting.promise.isAwaited) this.#unclaimed.push(waiting);
    return waiting;
  }

  /** Takes all of a kind out. */
  takeAll(kind: Pending['kind']): readonly Pending[] {
    return [...this.#pending.values()].filter((one) => one.kind === kind).flatMap(({ call }) => this.take(call) ?? []);
  }

  /** Numbers of the waits that lose nothing when they are given up. */
  get cancellable(): readonly number[] {
    const isWait = ({ kind }: Pending) => kind === 'sleep' || kind === 'until' || kind === 'callback';
    return [...this.#pending.values()].filter(isWait).map(({ call }) => call);
  }

  /** Calls that nobody has awaited so far. */
  get abandoned(): readonly Pending[] {
    const isCall = ({ kind }: Pending) => kind === 'signal' || kind === 'activity' || kind === 'query';
    return [...this.#unclaimed, ...this.#pending.values()].filter((waiting) => isCall(waiting) && !waiting.promise.isAwaited);
  }
}
