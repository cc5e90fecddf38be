import { activity, entity, signal, typed } from 'perdure';
import type { Answer } from '../../../runtime/core/answer.ts';
import { durable } from '../../../runtime/core/definition/durable.ts';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import type { ActivityImplementation, ActivityInfo, ActivityLimits, Envelope } from '../../../runtime/core/definition/types.ts';
import { emptyImage, foldTurn, type Image } from '../../../runtime/core/image.ts';
import { type JournalData, type JournalType, journal, type RecordedPolicy } from '../../../runtime/core/journal.ts';
import { checkedFreeze } from '../../../runtime/core/plain.ts';
import type { NewRecord, RecordMeta } from '../../../runtime/core/record.ts';
import type { AttemptOutcome, HeartbeatInput, OutcomeInput } from '../../../runtime/core/turn/input.ts';
import { Activities } from '../../../runtime/host/activity-registry.ts';
import type { AttemptContext } from '../../../runtime/host/attempt-starter.ts';
import { Attempts } from '../../../runtime/host/attempts.ts';
import { Counters } from '../../../runtime/host/counters.ts';
import { Mailbox } from '../../../runtime/host/mailbox.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';

const Box = entity('box', { go: signal({ output: typed<number>() }) });
export const box = definitionOf(
  Box.fold(() => ({ n: 0 }), { Counted: (state: { n: number }) => ({ n: state.n + 1 }) }).implement({
    signals: { go: durable(async () => 1) },
  }),
);

/** A clock that a test moves. Steps run in the order of their time. */
export class HandClock implements Clock {
  nowMs = 1_000_000;
  /** How often a timer was armed. */
  armed = 0;
  #steps: { readonly atMs: number; readonly run: () => void }[] = [];

  now(): number {
    return this.nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    this.armed += 1;
    const step = { atMs: this.nowMs + delayMs, run };
    this.#steps.push(step);
    return () => {
      this.#steps = this.#steps.filter((one) => one !== step);
    };
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  /** Clock timers that are armed, relative to now. */
  get timers(): readonly number[] {
    return this.#steps.map(({ atMs }) => atMs - this.nowMs);
  }

  /** Time passes, step by step, with all promises settled between the steps. */
  async pass(ms: number): Promise<void> {
    const end = this.nowMs + ms;
    for (;;) {
      await settled();
      const [next] = this.#steps.toSorted((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > end) break;
      this.#steps = this.#steps.filter((one) => one !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    this.nowMs = end;
    await settled();
  }
}

/** All microtasks have run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** One call of an activity by a test: what it was given, and how it goes on. */
export interface Begun {
  readonly input: unknown;
  readonly info: ActivityInfo;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What waits for its answer in the mailbox. */
export type Enqueued = (OutcomeInput | HeartbeatInput) & { readonly done: (answer: Answer) => void };

export const DONE: Answer = { kind: 'done', result: null, revision: 1, position: 1, repeated: false };
export const failedAs = (code: Extract<Answer, { kind: 'failed' }>['code']): Answer => ({ kind: 'failed', code, message: code });

export const Work = activity('work', { input: typed<unknown>(), output: typed<unknown>(), rejects: ['declined'] });

export interface WorldOptions {
  readonly limits?: ActivityLimits;
  /** More activities than `work`. */
  readonly activities?: readonly ActivityImplementation[];
}

/** What the registry under test did. */
class AttemptTrace {
  readonly counters = new Counters();
  readonly logged: { readonly event: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
  readonly failures: unknown[] = [];
  /** What user code was asked to do, in order. */
  readonly begun: Begun[] = [];
  readonly enqueued: Enqueued[] = [];
  readonly queries: { readonly message: Envelope; readonly answer: (answer: Answer) => void }[] = [];
  /** Whoever waits for an image that is not in memory. */
  readonly waking: ((image: Image | undefined) => void)[] = [];

  get outcomes(): readonly AttemptOutcome[] {
    return this.enqueued.flatMap((one) => (one.kind === 'outcome' ? [one.outcome] : []));
  }

  get heartbeats(): readonly unknown[] {
    return this.enqueued.flatMap((one) => (one.kind === 'heartbeat' ? [one.progress] : []));
  }

  /** What began at a place in the order. */
  at(index: number): Begun {
    const begun = this.begun.at(index);
    if (begun === undefined) throw new Error(`only ${this.begun.length} began`);
    return begun;
  }

  /** What was put into the mailbox at a place in the order. */
  input(index: number): Enqueued {
    const input = this.enqueued.at(index);
    if (input === undefined) throw new Error(`only ${this.enqueued.length} were put into the mailbox`);
    return input;
  }
}

/** One entity, its image folded from records that the test writes, and the registry under test. */
export class AttemptWorld extends AttemptTrace {
  readonly clock = new HandClock();
  readonly attempts: Attempts;
  mailbox = new Mailbox(box, '1');
  #turns = 0;

  constructor({ limits, activities = [] }: WorldOptions = {}) {
    super();
    const work = (input: unknown, info: ActivityInfo) =>
      new Promise<unknown>((resolve, reject) => void this.begun.push({ input, info, resolve, reject }));
    this.mailbox.image = emptyImage(box, '1');
    const all = new Activities([Work.implement(work, limits), ...activities]);
    this.attempts = new Attempts(this.#context(), all, {
      enqueue: (stream, input) => {
        if (stream !== this.mailbox.stream) throw new Error(`nobody's mailbox: ${stream}`);
        this.enqueued.push(input);
      },
      query: (message) => new Promise((answer) => void this.queries.push({ message, answer })),
      imageOf: () => new Promise((resolve) => void this.waking.push(resolve)),
    });
    this.append(['RunStarted', { name: 'go', of: 'signal', input: {} }]);
  }

  get image(): Image {
    const { image } = this.mailbox;
    if (image === undefined) throw new Error('not in memory');
    return image;
  }

  /** Folds one turn of records of the run `r`. */
  append(...records: readonly Appended[]): void {
    this.#turns += 1;
    foldTurn(
      this.image,
      {
        stream: this.mailbox.stream,
        firstRevision: this.image.books.revision + 1,
        position: this.#turns * 100,
        turnId: this.#turns === 1 ? 'seed' : `turn-${this.#turns}`,
        time: this.clock.nowMs,
        records: records.map(([type, data, meta]): NewRecord => journal(type, data, { run: 'r', ...meta })),
      },
      checkedFreeze,
    );
  }

  /** A turn that calls the activity, is durable and whose effect is applied. */
  call(call = 1, policy: RecordedPolicy = {}, more: Partial<ActivityCall> = {}): void {
    this.append(['Scheduled', { kind: 'activity', call, activity: 'work', input: { n: call }, policy, incarnation: 'here', ...more }]);
    this.attempts.apply(this.mailbox, [{ kind: 'attempt', run: 'r', call }]);
  }

  /** A turn that records a failed attempt; the next is to be started by this process. */
  failed(call: number, attempt: number, inMs: number, more: Partial<JournalData['AttemptFailed']> = {}): void {
    const nextAt = this.clock.nowMs + inMs;
    this.append(['AttemptFailed', { call, attempt, code: 'x', message: 'x', nextAt, incarnation: 'here', ...more }]);
    this.attempts.apply(this.mailbox, [{ kind: 'attempt', run: 'r', call }]);
  }

  /** A turn in which the call is resolved. */
  resolve(call = 1): void {
    this.append(['Resolved', { call, outcome: { kind: 'completed', value: null } }]);
  }

  /** A turn in which the run is asked to stop. */
  cancel(...calls: readonly number[]): void {
    this.append(['CancelRequested', { by: 'op', why: '', closes: [] }]);
    this.attempts.apply(
      this.mailbox,
      calls.map((call) => ({ kind: 'abort', run: 'r', call })),
    );
  }

  abort(call = 1): void {
    this.attempts.apply(this.mailbox, [{ kind: 'abort', run: 'r', call }]);
  }

  hold(): void {
    this.append(['Paused', { by: 'op', why: '' }, {}]);
  }

  resume(): void {
    this.append(['Resumed', { of: 'pause', by: 'op', why: '' }, {}]);
  }

  /** The entity leaves memory; its mailbox with it. Returns its image. */
  passivate(): Image {
    const { image } = this;
    this.mailbox.image = undefined;
    this.mailbox = new Mailbox(box, '1');
    return image;
  }

  /** It comes back: whoever waits for the image gets it, after the registry has looked through it. */
  rehydrate(image: Image): void {
    this.mailbox.image = image;
    this.attempts.recover(this.mailbox);
    for (const told of this.waking.splice(0)) told(image);
  }

  #context(): AttemptContext {
    const log = (event: string, fields: Readonly<Record<string, unknown>>) => void this.logged.push({ event, fields });
    const turnId = () => {
      throw new Error('attempts need no turns of their own');
    };
    return {
      clock: this.clock,
      entropy: { turnId, random: () => 0.5, incarnation: 'here' },
      log: { debug: log, info: log, warn: log, error: log },
      counters: this.counters,
      freeze: checkedFreeze,
      runs: { digest: (text) => `digest of ${text}` },
      fail: (error) => void this.failures.push(error),
    };
  }
}

export type ActivityCall = Extract<JournalData['Scheduled'], { kind: 'activity' }>;
type Appended = { [T in JournalType]: readonly [type: T, data: JournalData[T], meta?: RecordMeta] }[JournalType];
