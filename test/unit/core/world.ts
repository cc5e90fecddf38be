import { Packr } from 'msgpackr';
import type { EntityDefinition } from '../../../runtime/core/definition/erased.ts';
import { emptyImage, foldTurn, type Image } from '../../../runtime/core/image.ts';
import type { JournalData } from '../../../runtime/core/journal.ts';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { deepFreeze } from '../../../runtime/core/plain.ts';
import type { NewRecord, StoredTurn } from '../../../runtime/core/record.ts';
import { encodeSnapshot } from '../../../runtime/core/snapshot.ts';
import type { Input, OperatorInput, ReleaseInput, SignalInput, TimerInput } from '../../../runtime/core/turn/input.ts';
import { runTurn, type TurnResult, turnTime } from '../../../runtime/core/turn/run-turn.ts';
import { definition as probeDefinition } from './probe.ts';
import { finished, runHost } from './run-host.ts';

/**
 * A host in miniature: runs turns on one image, keeps what they wrote as a store would (decoded from its encoding) and moves the agenda's row.
 */
export class World {
  readonly turns: StoredTurn[] = [];
  readonly defects: unknown[] = [];
  image: Image;
  clockMs = 1_000;
  /** Wake-up of the agenda's row, undefined before the first. */
  row: number | undefined;
  /** What the last turn came to. */
  last: TurnResult = { records: [], decisions: [], recordsUpTo: [], bytes: 0, effects: [] };
  #codec: 'json' | 'msgpack' = 'json';
  #definition: EntityDefinition;

  constructor(definition: EntityDefinition = probeDefinition) {
    this.#definition = definition;
    this.image = emptyImage(definition, '1');
  }

  /** One turn at the clock's time, durable at once. */
  turn(inputs: readonly Input[], maxTurnBytes: number = LIMITS.maxTurnBytes): TurnResult {
    const { image } = this;
    const nowMs = turnTime(image, this.clockMs);
    const firstRevision = image.books.revision + 1;
    const turnId = `turn-${this.turns.length}`;
    const onDefect = (error: unknown) => void this.defects.push(error);
    const result = finished(runTurn(image, inputs, { nowMs, turnId, freeze: deepFreeze, maxTurnBytes, runs: runHost, onDefect }));
    this.last = result;
    if (result.records.length > 0) {
      const position = image.position + 10;
      this.turns.push({ stream: 'probe-1', firstRevision, position, turnId, time: nowMs, records: this.#stored(result.records) });
      image.position = position + result.records.length - 1;
    }
    for (const { type, data } of result.records) {
      if (type === 'perdure:Wake') this.row = (data as JournalData['Wake']).at;
    }
    return result;
  }

  /** Only the first input's decision, for turns of one message. */
  one(input: Input, maxTurnBytes?: number) {
    const [decision] = this.turn([input], maxTurnBytes).decisions;
    if (decision === undefined) throw new Error('not taken');
    return decision;
  }

  /** All inputs, in as many turns as the cuts ask for. */
  all(inputs: readonly Input[]) {
    const decisions = [];
    for (let rest = inputs; rest.length > 0; ) {
      const result = this.turn(rest);
      decisions.push(...result.decisions);
      rest = rest.slice(result.decisions.length);
    }
    return decisions;
  }

  get records(): readonly NewRecord[] {
    return this.turns.flatMap(({ records }) => records);
  }

  get types(): readonly string[] {
    return this.records.map(({ type }) => type);
  }

  /** The next held message, read back from the stream. */
  held(): ReleaseInput['held'] | undefined {
    const { heldCount, heldFrom } = this.image.books;
    if (heldCount === 0) return undefined;
    const revision = this.records.findIndex(({ type }, at) => at >= heldFrom && type === 'perdure:SignalHeld');
    const record = this.records[revision];
    if (record === undefined) throw new Error(`no held message from ${heldFrom} on`);
    return { revision, message: record.data as ReleaseInput['held']['message'], meta: record.meta };
  }

  /** Releases the next held message; undefined if there is none. */
  release(verb: ReleaseInput['verb'], payload?: unknown) {
    const held = this.held();
    return held === undefined ? undefined : this.one({ kind: 'release', verb, held, payload, by: 'op', why: 'test' });
  }

  /** The image of another node: everything folded from the beginning, under this or another definition. */
  folded(under: EntityDefinition = this.#definition): Image {
    return fold(emptyImage(under, '1'), this.turns);
  }

  /** The same stream on another node. */
  restarted(under: EntityDefinition = this.#definition): World {
    const world = new World(under);
    world.turns.push(...this.turns);
    world.image = world.folded();
    world.clockMs = this.clockMs;
    world.row = this.row;
    return world;
  }

  #stored(records: readonly NewRecord[]): readonly NewRecord[] {
    this.#codec = this.#codec === 'json' ? 'msgpack' : 'json';
    return deepFreeze(this.#codec === 'json' ? JSON.parse(JSON.stringify(records)) : packr.unpack(packr.pack(records)));
  }
}
const packr = new Packr({ useRecords: false });

export function fold(image: Image, turns: readonly StoredTurn[]): Image {
  for (const turn of turns) foldTurn(image, turn, deepFreeze);
  return image;
}

/** All that an image is, in a form that can be compared. */
export function whole(image: Image): unknown {
  const { state, foldError, turnId, position } = image;
  if (foldError !== undefined) return { foldError, turnId, position, revision: image.books.revision };
  return { state, bytes: packr.unpack(encodeSnapshot(image)) };
}

export function sig(name: string, payload: unknown = {}, more: Partial<SignalInput> = {}): SignalInput {
  return {
    kind: 'signal',
    name,
    payload,
    wants: 'durability',
    signalId: 'edge-made',
    idChosen: false,
    mark: undefined,
    context: undefined,
    ...more,
  };
}

export function update(name: string, payload: unknown = {}, more: Partial<SignalInput> = {}): SignalInput {
  return sig(name, payload, { wants: 'outcome', ...more });
}

/** A signal with a chosen id. */
export function chosen(id: string, name: string, payload: unknown = {}, more: Partial<SignalInput> = {}): SignalInput {
  return sig(name, payload, { signalId: id, idChosen: true, ...more });
}

/** A signal from a source. */
export function from(position: number, name: string, payload: unknown = {}, index = 0): SignalInput {
  return sig(name, payload, { mark: { source: 's', position, index } });
}

export function op(verb: OperatorInput['verb']): OperatorInput {
  return { kind: 'operator', verb, by: 'op', why: 'test' };
}

export function firing(timer: string, key: string, arming: number): TimerInput {
  return { kind: 'timer', timer, key, arming };
}
