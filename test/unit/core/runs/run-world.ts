import { Packr } from 'msgpackr';
import { expect } from 'vitest';
import type { EntityDefinition } from '../../../../runtime/core/definition/erased.ts';
import { emptyImage, type Image } from '../../../../runtime/core/image.ts';
import { CANCEL, type CallOrigin, type JournalData, type Outcome, REPLY } from '../../../../runtime/core/journal.ts';
import { LIMITS } from '../../../../runtime/core/limits.ts';
import { deepFreeze } from '../../../../runtime/core/plain.ts';
import type { NewRecord, StoredTurn } from '../../../../runtime/core/record.ts';
import { secretText } from '../../../../runtime/core/run/callback-token.ts';
import type { RunHost } from '../../../../runtime/core/run/scope.ts';
import { Warming } from '../../../../runtime/core/run/warm.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../../runtime/core/snapshot.ts';
import type {
  AttemptOutcome,
  CallbackInput,
  Decision,
  Effect,
  Input,
  OperatorInput,
  ReleaseInput,
} from '../../../../runtime/core/turn/input.ts';
import { isPause, runTurn, type TurnResult, turnTime } from '../../../../runtime/core/turn/run-turn.ts';
import type { Guard } from '../../../../runtime/host/context.ts';
import { fold, sig } from '../world.ts';

/** What becomes of the image after each turn: it stays, or another node has it, from the stream or from a snapshot. */
export type Fate = 'lives' | 'crashes' | 'snapshots';

/**
 * A host in miniature for durable handlers: turns with their drains, and attempts, replies and time played by hand. After every turn what it left is compared
 * with what the stream folds to.
 */
export class RunWorld {
  readonly turns: StoredTurn[] = [];
  readonly defects: unknown[] = [];
  readonly told: { readonly event: string; readonly fields: unknown }[] = [];
  readonly effects: Effect[] = [];
  readonly queries = new Set<string>();
  fate: Fate;
  image: Image;
  clockMs = 1_000;
  /** Wake-up of the agenda's row. */
  row: number | undefined;
  /** Is what turns leave compared with what the stream folds to? Off where that is what takes the time. */
  compares = true;
  maxTurnBytes: number = LIMITS.maxTurnBytes;
  definition: EntityDefinition;
  #id: string;
  #source = 0;

  constructor(definition: EntityDefinition, fate: Fate = 'lives', id = '1') {
    this.definition = definition;
    this.fate = fate;
    this.#id = id;
    this.image = emptyImage(definition, id);
  }

  /** Stands around user code, as a host's does. */
  guard: Guard = { run: (_nowMs, _seed, work, ...args) => work(...args), scoped: (_scope, work) => work() };

  readonly host: RunHost = {
    incarnation: 'here',
    digest: (text) => `digest of ${text}`.replaceAll(/[^\w-]/g, '_'),
    scoped: (scope, work) => this.guard.scoped(scope, work),
    hasActivity: (name) => name !== 'unheard',
    isQuery: (type, name) => this.queries.has(`${type}.${name}`),
    tell: (event, fields) => void this.told.push({ event, fields }),
  };

  /** One turn, durable at once, and then its fate. Gives the decisions on those inputs that it took. */
  async turn(inputs: readonly Input[]): Promise<readonly Decision[]> {
    const { image } = this;
    const nowMs = turnTime(image, this.clockMs);
    const turnId = `turn-${this.turns.length}`;
    const firstRevision = image.books.revision + 1;
    const env = {
      ...{ nowMs, turnId, freeze: deepFreeze, maxTurnBytes: this.maxTurnBytes, runs: this.host },
      onDefect: (error: unknown) => void this.defects.push(error),
    };
    const dueBefore = image.books.wakeAtMs;
    let result = this.guard.run(nowMs, turnId, runTurn, image, inputs, env);
    while (isPause(result)) {
      await drained();
      result = this.guard.run(nowMs, turnId, result.resume);
    }
    this.effects.push(...result.effects);
    if (result.records.length > 0) this.#append(result, { firstRevision, turnId, time: nowMs });
    this.#checkRow(dueBefore);
    if (this.compares) expect(known(this.image)).toEqual(known(this.folded()));
    this.#meet();
    return result.decisions;
  }

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
      if (books.canAdvance) await this.turn([{ kind: 'advance' }]);
      else if (books.canBegin) await this.begin();
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

  folded(under = this.definition): Image {
    return fold(emptyImage(under, this.#id), this.turns);
  }

  /** Another node, perhaps with another deployment, has the entity from here on. */
  deploy(definition: EntityDefinition): void {
    this.definition = definition;
    this.image = this.folded();
  }

  snapshot(): Image {
    const image = decodeSnapshot(this.definition, this.#id, encodeSnapshot(this.image), deepFreeze);
    if (image === undefined) throw new Error('the snapshot is not used');
    for (const run of image.books.hasRuns ? image.books.runs.open.values() : []) {
      if (run.cold === undefined) continue;
      const warming = new Warming(this.definition, this.#id, run);
      for (const turn of this.turns) {
        const isBefore = turn.firstRevision + turn.records.length <= run.startRevision;
        if (!isBefore) warming.fold(turn, image.books.revision, deepFreeze);
      }
      expect(warming.finish()).toBe(true);
    }
    return image;
  }

  #append(result: TurnResult, place: Pick<StoredTurn, 'firstRevision' | 'turnId' | 'time'>): void {
    const { image, turns } = this;
    const position = image.position + 10;
    const stored: unknown = turns.length % 2 === 0 ? JSON.parse(JSON.stringify(result.records)) : packr.unpack(packr.pack(result.records));
    turns.push({ stream: `${this.definition.type}-${this.#id}`, position, records: deepFreeze(stored) as readonly NewRecord[], ...place });
    image.position = position + result.records.length - 1;
    for (const { type, data } of result.records) if (type === 'perdure:Wake') this.row = (data as JournalData['Wake']).at;
  }

  /** The agenda's row is never later than the truth. */
  #checkRow(dueBefore: number | undefined): void {
    const due = this.image.books.wakeAtMs;
    if (due === undefined) return;
    expect(this.row ?? dueBefore ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(Math.max(due, this.clockMs));
  }

  #meet(): void {
    if (this.fate === 'crashes') this.image = this.folded();
    else if (this.fate === 'snapshots') this.image = this.snapshot();
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
const packr = new Packr({ useRecords: false });

/** Resolves when no microtask is left. */
function drained(): Promise<void> {
  return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
}

/** All that is known of an entity, in a form that can be compared: functions of its records alone. */
export function known({ state, books, turnId, position, foldError }: Image): unknown {
  const { revision, lastTimeMs, armings, parked, paused, heldCount, heldFrom, heldEdit, once, heldReplies, advanceDue } = books;
  const runs = books.hasRuns ? [...books.runs.open.values()] : [];
  return {
    ...{ state, turnId, position, foldError, revision, lastTimeMs, armings, parked, paused, heldCount, heldFrom, heldEdit, advanceDue },
    once: [...once],
    heldReplies: [...heldReplies],
    marks: [...books.marks],
    window: books.window.entries(),
    timers: books.timers.all(),
    wakeAtMs: books.wakeAtMs,
    queued: books.hasRuns ? books.runs.queued : [],
    waits: new Set(books.hasRuns ? books.runs.waits.all() : []),
    attempts: new Set(books.hasRuns ? books.runs.attempts.all() : []),
    runs: runs.map((run) => ({
      ...run,
      calls: [...run.calls],
      versions: [...run.versions],
      inputs: run.inputs.map((input) => ({ ...input, commands: input.commands.map(({ what }) => what) })),
    })),
  };
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
