import type { EntityDefinition } from '../../../runtime/core/definition/erased.ts';
import { emptyImage, foldTurn, type Image } from '../../../runtime/core/image.ts';
import { isJournal, type JournalData } from '../../../runtime/core/journal.ts';
import { homePartition } from '../../../runtime/core/partition.ts';
import { addressOf, type NewRecord, type TimerChange } from '../../../runtime/core/record.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../runtime/core/snapshot.ts';
import type { EntityView } from '../../../runtime/host/surface.ts';
import { viewOf } from '../../../runtime/host/view.ts';
import { type Placed, wasForgotten } from '../evidence.ts';
import { effectOf, sameMark } from './effects.ts';
import { type Judge, same } from './judge.ts';

/** Revisions of a stream follow one another, positions never repeat, no turn stands twice. */
export const oneWriterPerRevision: Judge = {
  name: 'one-writer-per-revision',
  judge: ({ streams, turns }) => {
    const wrong: string[] = [];
    for (const [stream, records] of streams) {
      for (const [at, { revision }] of records.entries()) {
        if (revision !== at) wrong.push(`${stream}: record ${at} has revision ${revision}`);
      }
    }
    const ids = new Set<string>();
    let next = 0;
    for (const { stream, turnId, position, records } of turns) {
      if (ids.has(turnId)) wrong.push(`${stream}: turn ${turnId} stands twice`);
      if (position < next) wrong.push(`${stream}: position ${position} after ${next}`);
      ids.add(turnId);
      next = position + records.length;
    }
    return wrong;
  },
};

const keep = (state: unknown) => state;

/** What a node says of an entity is the fold of its stream, from the beginning and from the snapshot alike. */
export function stateIsFoldOfStream(definitions: readonly EntityDefinition[]): Judge {
  const types = new Map(definitions.map((definition) => [definition.type, definition]));
  return {
    name: 'state-is-fold-of-stream',
    judge: (evidence) => {
      const { turns, streams, snapshots, views } = evidence;
      const wrong: string[] = [];
      for (const stream of streams.keys()) {
        const address = addressOf(stream);
        const definition = address === undefined ? undefined : types.get(address.type);
        if (address === undefined || definition === undefined || wasForgotten(evidence, stream)) continue;
        const own = turns.filter((turn) => turn.stream === stream);
        const image = emptyImage(definition, address.id);
        try {
          for (const turn of own) foldTurn(image, turn, keep);
        } catch (error) {
          wrong.push(`${stream} cannot be folded: ${String(error)}`);
          continue;
        }
        if (image.foldError !== undefined) wrong.push(`${stream}: ${image.foldError}`);
        const bytes = snapshots.get(stream);
        const restored = bytes === undefined ? undefined : decodeSnapshot(definition, address.id, bytes, keep);
        if (restored !== undefined) {
          for (const turn of own)
            if (turn.firstRevision + turn.records.length - 1 > restored.books.revision) foldTurn(restored, turn, keep);
          if (!same([...encodeSnapshot(image)], [...encodeSnapshot(restored)]))
            wrong.push(`${stream}: the snapshot folds to another image`);
        }
        for (const [node, seen] of views) wrong.push(...compared(`${node}: ${stream}`, seen.get(stream), image));
      }
      return wrong;
    },
  };
}

function compared(what: string, view: EntityView | string | undefined, image: Image): string[] {
  if (view === undefined) return [`${what}: was not answered`];
  if (typeof view === 'string') return image.books.forgotten ? [] : [`${what}: ${view}`];
  const wrong: string[] = [];
  const { books } = image;
  if (view.revision !== books.revision) wrong.push(`${what}: shows revision ${view.revision}, the stream has ${books.revision}`);
  if (view.position !== image.position) wrong.push(`${what}: shows position ${view.position}, the stream has ${image.position}`);
  if (!same(view.state, image.state))
    wrong.push(`${what}: shows ${JSON.stringify(view.state)}, the stream folds to ${JSON.stringify(image.state)}`);
  const { owes, runs } = viewOf(image);
  if (!same(view.owes, owes)) wrong.push(`${what}: owes ${JSON.stringify(view.owes)}, the stream says ${JSON.stringify(owes)}`);
  if (!same(view.runs, runs)) wrong.push(`${what}: shows runs ${JSON.stringify(view.runs)}, the stream says ${JSON.stringify(runs)}`);
  if ((view.parked === null) !== (books.parked === undefined)) wrong.push(`${what}: parked ${JSON.stringify(view.parked)}`);
  if ((view.paused === null) !== (books.paused === undefined)) wrong.push(`${what}: paused ${JSON.stringify(view.paused)}`);
  return wrong;
}

/** How late a timer may fire when nothing goes wrong; far beyond it, the clocks were moved on meanwhile. */
const LATE_MS = 2_000;
const MOVED_MS = 86_400_000;

/** A timer fires once, not before its time and not long after, and none that is due stays armed. */
export const timersFire: Judge = {
  name: 'timers-fire',
  judge: ({ streams, overdue, jumped, faults, scenario }) => {
    const wrong = [...overdue];
    const undisturbed = faults.size === 0 && !scenario.pressure;
    for (const [stream, records] of streams) {
      const armed = new Map<string, { readonly dueAt: number; readonly arming: number }>();
      for (const { record, revision, turn } of records) {
        if (record.type === 'perdure:TimerFired') {
          const { timer, key, arming } = record.data as JournalData['TimerFired'];
          const known = armed.get(`${timer}/${key}`);
          if (known?.arming !== arming) wrong.push(`${stream}@${revision}: ${timer}/${key} (${arming}) fired and was not armed`);
          else if (turn.time < known.dueAt && !jumped)
            wrong.push(`${stream}@${revision}: ${timer}/${key} fired ${known.dueAt - turn.time} ms early`);
          const late = turn.time - (known?.dueAt ?? turn.time);
          if (undisturbed && late > LATE_MS && late < MOVED_MS) wrong.push(`${stream}@${revision}: ${timer}/${key} fired ${late} ms late`);
          armed.delete(`${timer}/${key}`);
        }
        for (const change of changesOf(record)) {
          if (change.dueAt === null) armed.delete(`${change.timer}/${change.key}`);
          else armed.set(`${change.timer}/${change.key}`, change);
        }
      }
    }
    return wrong;
  },
};

function changesOf({ type, data, meta }: NewRecord): readonly TimerChange[] {
  if (type === 'perdure:TimerSet') return [data as JournalData['TimerSet']];
  if (type === 'perdure:TimerCleared') return [{ ...(data as JournalData['TimerCleared']), dueAt: null }];
  return meta.timers ?? [];
}

/** Every send reaches its receiver, takes effect once, and those of one source in the order of the log. */
export const sendsArriveOnceInOrder: Judge = {
  name: 'sends-arrive-once-in-order',
  judge: (evidence) => {
    const { streams, turns } = evidence;
    const wrong: string[] = [];
    const letters = (streams.get('perdure.dead-letters') ?? []).map(({ record }) => JSON.stringify(record.data));
    wrong.push(...letters.map((letter) => `a dead letter: ${letter}`));
    const last = new Map<string, number>();
    for (const { position, record, turn } of turns.flatMap((turn) =>
      turn.records.map((record, at) => ({ position: turn.position + at, record, turn })),
    )) {
      if (record.type !== 'perdure:SignalSent') continue;
      const { type, id, name } = record.data as JournalData['SignalSent'];
      const source = `simulated/${addressOf(turn.stream)?.type}/${homePartition(addressOf(turn.stream)?.id ?? '', 4)}`;
      const mark = { source, position, index: 0 };
      const came = (streams.get(`${type}-${id}`) ?? []).filter(({ record: { meta } }) => sameMark(meta.mark, mark));
      const wanted = effectOf(name);
      if (wanted === undefined) continue;
      const effects = came.filter((one) => one.record.type === wanted);
      const ended =
        came.some(({ record: { type } }) => type === 'perdure:HeldSkipped' || type === 'perdure:Released') ||
        edited(streams.get(`${type}-${id}`) ?? [], came) ||
        wasForgotten(evidence, `${type}-${id}`);
      const what = `${turn.stream}@${position} -> ${type}/${id}.${name}`;
      if (effects.length === 0 && !ended) wrong.push(`${what} never took effect`);
      if (effects.length > 1) wrong.push(`${what} took effect ${effects.length} times`);
      const [effect] = effects;
      const slot = `${source} ${type}/${id}`;
      if (effect === undefined) continue;
      if ((last.get(slot) ?? -1) > effect.revision) wrong.push(`${what} (revision ${effect.revision}) was overtaken`);
      last.set(slot, effect.revision);
    }
    return wrong;
  },
};

/** Was one of these held messages replaced by an operator? */
function edited(stream: readonly Placed[], came: readonly Placed[]): boolean {
  return came.some((one) =>
    stream.some(({ record }) => record.type === 'perdure:HeldEdited' && (record.data as JournalData['HeldEdited']).held === one.revision),
  );
}

/** What a parked or paused entity holds is handled in the order it came, and nothing overtakes it. */
export const parkedKeepsOrder: Judge = {
  name: 'parked-keeps-order',
  judge: (evidence) => {
    const wrong: string[] = [];
    for (const [stream, records] of evidence.streams) {
      if (wasForgotten(evidence, stream)) continue;
      const held: Placed[] = [];
      let released: Placed | undefined;
      let started: string | undefined;
      for (const placed of records) {
        const { record, revision } = placed;
        if (record.type === 'perdure:SignalHeld') held.push(placed);
        else if (record.type === 'perdure:RunStarted') started = record.meta.run;
        else if (record.type === 'perdure:Released' || record.type === 'perdure:HeldSkipped') {
          const { held: at } = record.data as JournalData['Released'];
          released = held.shift();
          started = undefined;
          if (released?.revision !== at) wrong.push(`${stream}@${revision}: releases ${at}, next in order is ${released?.revision}`);
        } else if (
          !isJournal(record) &&
          held.length > 0 &&
          !(started !== undefined && record.meta.run === started) &&
          !same(record.meta.signal ?? record.meta.mark, released?.record.meta.signal ?? released?.record.meta.mark)
        ) {
          wrong.push(`${stream}@${revision}: ${record.type} overtook ${held.length} held messages`);
        }
      }
      if (held.length > 0) wrong.push(`${stream}: ${held.length} messages are held for ever`);
    }
    return wrong;
  },
};
