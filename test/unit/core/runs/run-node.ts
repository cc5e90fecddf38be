import { Packr } from 'msgpackr';
import { expect } from 'vitest';
import type { EntityDefinition } from '../../../../runtime/core/definition/erased.ts';
import { emptyImage, type Image } from '../../../../runtime/core/image.ts';
import type { JournalData } from '../../../../runtime/core/journal.ts';
import { LIMITS } from '../../../../runtime/core/limits.ts';
import { wakeAtMs } from '../../../../runtime/core/owed.ts';
import { deepFreeze } from '../../../../runtime/core/plain.ts';
import type { NewRecord, StoredTurn } from '../../../../runtime/core/record.ts';
import type { RunHost } from '../../../../runtime/core/run/scope.ts';
import { Warming } from '../../../../runtime/core/run/warm.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../../runtime/core/snapshot.ts';
import type { Decision, Effect, Input } from '../../../../runtime/core/turn/input.ts';
import { isPause, runTurn, type TurnResult, turnTime } from '../../../../runtime/core/turn/run-turn.ts';
import type { Guard } from '../../../../runtime/host/context.ts';
import { fold } from '../world.ts';

/** What becomes of the image after each turn: it stays, or another node has it, from the stream or from a snapshot. */
export type Fate = 'lives' | 'crashes' | 'snapshots';

/** One entity with durable handlers: turns with their drains. After every turn what it left is compared with what the stream folds to. */
export class RunNode {
  readonly turns: StoredTurn[] = [];
  readonly defects: unknown[] = [];
  readonly told: { readonly event: string; readonly fields: unknown }[] = [];
  readonly effects: Effect[] = [];
  fate: Fate;
  image: Image;
  clockMs = 1_000;
  /** Wake-up of the agenda's row. */
  row: number | undefined;
  /** Is what turns leave compared with what the stream folds to? Off where that is what takes the time. */
  compares = true;
  maxTurnBytes: number = LIMITS.maxTurnBytes;
  definition: EntityDefinition;
  readonly #id: string;

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
    isQuery: () => false,
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
    let result = this.guard.run(nowMs, turnId, runTurn, image, inputs, env);
    while (isPause(result)) {
      await drained();
      result = this.guard.run(nowMs, turnId, result.resume);
    }
    this.effects.push(...result.effects);
    if (result.records.length > 0) this.#append(result, { firstRevision, turnId, time: nowMs });
    this.#checkRow();
    if (this.compares) expect(known(this.image)).toEqual(known(this.folded()));
    if (this.fate === 'crashes') this.image = this.folded();
    else if (this.fate === 'snapshots') this.image = restored(this, this.#id);
    return result.decisions;
  }

  folded(under = this.definition): Image {
    return fold(emptyImage(under, this.#id), this.turns);
  }

  /** Another node, perhaps with another deployment, has the entity from here on. */
  deploy(definition: EntityDefinition): void {
    this.definition = definition;
    this.image = this.folded();
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
  #checkRow(): void {
    const due = wakeAtMs(this.image.books);
    if (due === undefined) return;
    expect(this.row ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(Math.max(due, this.clockMs));
  }
}
const packr = new Packr({ useRecords: false });

/** The image that the node's snapshot holds; runs that are cold have their inputs from its turns. */
function restored({ definition, image: lived, turns }: RunNode, id: string): Image {
  const image = decodeSnapshot(definition, id, encodeSnapshot(lived), deepFreeze);
  if (image === undefined) throw new Error('the snapshot is not used');
  for (const run of image.books.hasRuns ? image.books.runs.open.values() : []) {
    if (run.cold === undefined) continue;
    const warming = new Warming(definition, id, run);
    for (const turn of turns) {
      const isBefore = turn.firstRevision + turn.records.length <= run.startRevision;
      if (!isBefore) warming.fold(turn, image.books.revision, deepFreeze);
    }
    expect(warming.finish()).toBe(true);
  }
  return image;
}

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
    wakeAtMs: wakeAtMs(books),
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
