import { expect } from 'vitest';
import type { EntityDefinition } from '../../../../runtime/core/definition/erased.ts';
import { CANCEL, type CallOrigin, type JournalData, type Outcome, REPLY } from '../../../../runtime/core/journal.ts';
import { canAdvance, canBegin } from '../../../../runtime/core/owed.ts';
import type { NewRecord } from '../../../../runtime/core/record.ts';
import { secretText } from '../../../../runtime/core/run/callback-token.ts';
import type { AttemptOutcome, CallbackInput, Decision, Input, OperatorInput, ReleaseInput } from '../../../../runtime/core/turn/input.ts';
import type { Guard } from '../../../../runtime/host/context.ts';
import { sig } from '../world.ts';
import { known, RunNode } from './run-node.ts';

/** What a node has recorded. */
class RunStory extends RunNode {
  get records(): readonly NewRecord[] {
    return this.turns.flatMap(({ records }) => records);
  }

  /** Types of all records, without the prefix of the runtime's own. */
  get types(): readonly string[] {
    return this.records.map(({ type }) => type.replace('perdure:', ''));
  }

  of<T extends keyof JournalData>(type: T): readonly JournalData[T][] {
    return this.records.filter((record) => record.type === `perdure:${type}`).map(({ data }) => data as JournalData[T]);
  }

  /** Replies that were sent, in order. */
  get replies(): readonly unknown[] {
    return this.of('SignalSent').flatMap(({ name, payload }) => (name === REPLY ? [payload] : []));
  }

  outcomeOf(run: string): Outcome | undefined {
    const ended = this.records.filter(({ type, meta }) => type === 'perdure:RunCompleted' && meta.run === run);
    expect(ended.length).toBeLessThan(2);
    return (ended[0]?.data as JournalData['RunCompleted'] | undefined)?.outcome;
  }

  open(run: string) {
    return this.image.books.runs.open.get(run);
  }

  said(): readonly string[] {
    return (this.image.state as { readonly said: readonly string[] }).said;
  }
}

/** A host in miniature for durable handlers: attempts, replies and time are played by hand. */
export class RunWorld extends RunStory {
  #source = 0;

  /** The decision on one input, and whatever follows from it without anything arriving. */
  async one(input: Input): Promise<Decision> {
    const [decision] = await this.turn([input]);
    if (decision === undefined) throw new Error('not taken');
    await this.rest();
    return decision;
  }

  /** Goes on until the entity waits: what it can do by itself, what it held, queued runs. */
  async rest(): Promise<void> {
    for (let turns = 0; turns < 1_000; turns += 1) {
      const { books } = this.image;
      if (canAdvance(books)) await this.turn([{ kind: 'advance' }]);
      else if (canBegin(books)) await this.begin();
      else if (books.heldCount > 0 && books.parked === undefined && books.paused === undefined) await this.turn([this.held('drain')]);
      else return;
    }
    throw new Error('the entity does not come to rest');
  }

  /** The next queued run starts. */
  begin(): Promise<readonly Decision[]> {
    return this.turn([this.#queued()]);
  }

  signal(name: string, payload: unknown = {}, id = name, origin: CallOrigin = {}): Promise<Decision> {
    return this.one(sig(name, payload, { signalId: id, idChosen: origin.reply === undefined, origin, ...this.#mark(origin) }));
  }

  update(name: string, payload: unknown = {}, id = name): Promise<Decision> {
    return this.one(sig(name, payload, { signalId: id, idChosen: true, wants: 'outcome' }));
  }

  /** An attempt of an activity ends. */
  outcome(run: string, call: number, outcome: AttemptOutcome, attempt?: number): Promise<Decision> {
    return this.one({ kind: 'outcome', run, call, outcome, attempt: attempt ?? (this.open(run)?.calls.get(call)?.attempts ?? 0) + 1 });
  }

  completed(run: string, call: number, value: unknown = null): Promise<Decision> {
    return this.outcome(run, call, { kind: 'completed', value });
  }

  /** The reply to a call of an entity. */
  reply(run: string, call: number, outcome: Outcome): Promise<Decision> {
    return this.one(sig(REPLY, { run, call, outcome }, this.#mark({ reply: { type: '', id: '', run, call } })));
  }

  /** The caller asks to stop. */
  cancelled(reply: NonNullable<CallOrigin['reply']>): Promise<Decision> {
    return this.one(sig(CANCEL, { caller: reply }, this.#mark({ reply })));
  }

  operator(verb: OperatorInput['verb'], run?: string): Promise<Decision> {
    return this.one({ kind: 'operator', verb, by: 'op', why: 'test', ...(run === undefined ? {} : { run }) });
  }

  /** Time passes to the next sleep or time-out of a run, which is then over. False if there is none. */
  async pass(): Promise<boolean> {
    // Those of one moment in an order of their own: which comes first is nobody's promise.
    const waits = this.image.books.hasRuns ? this.image.books.runs.waits.all() : [];
    const [next] = waits.toSorted((a, b) => a.dueAt - b.dueAt || `${a.timer}/${a.key}`.localeCompare(`${b.timer}/${b.key}`));
    if (next === undefined) return false;
    this.clockMs = Math.max(this.clockMs, next.dueAt);
    await this.one({ kind: 'wait', run: next.timer, call: Number(next.key) });
    return true;
  }

  callback(run: string, call: number, outcome: CallbackInput['outcome'], secret?: string): Promise<Decision> {
    const seed = this.open(run)?.seed ?? 'gone';
    return this.one({ kind: 'callback', run, call, outcome, secret: secret ?? this.host.digest(secretText(seed, run, call)) });
  }

  held(verb: ReleaseInput['verb'], payload?: unknown): ReleaseInput {
    const { heldFrom } = this.image.books;
    const revision = this.records.findIndex(({ type }, at) => at >= heldFrom && type === 'perdure:SignalHeld');
    const record = this.records[revision];
    if (record === undefined) throw new Error('nothing is held');
    const message = record.data as ReleaseInput['held']['message'];
    return { kind: 'release', verb, held: { revision, message, meta: record.meta }, payload, by: 'op', why: 'test' };
  }

  #queued(): Input {
    const [next] = this.image.books.runs.queued;
    const record = this.records[next?.revision ?? -1];
    if (next === undefined || record === undefined) throw new Error('nothing is queued');
    return { kind: 'begin', revision: next.revision, received: record.data as JournalData['SignalReceived'], meta: record.meta };
  }

  #mark({ reply }: CallOrigin) {
    if (reply === undefined) return {};
    this.#source += 1;
    return { mark: { source: 's', position: this.#source, index: 0 } };
  }
}

/** Plays a script in every way in which turns can be met by fate; all must leave the same records and the same knowledge. Gives the world that lived. */
export async function everyWay(
  definition: () => EntityDefinition,
  script: (world: RunWorld) => Promise<void>,
  guard?: Guard,
): Promise<RunWorld> {
  const lived = new RunWorld(definition());
  if (guard !== undefined) lived.guard = guard;
  await script(lived);
  for (const fate of ['crashes', 'snapshots'] as const) {
    const other = new RunWorld(definition(), fate);
    if (guard !== undefined) other.guard = guard;
    await script(other);
    expect({ fate, records: other.records }).toEqual({ fate, records: lived.records });
    expect({ fate, known: known(other.image) }).toEqual({ fate, known: known(lived.image) });
  }
  return lived;
}
