import { emptyImage, foldTurn } from '../../../runtime/core/image.ts';
import { owesAttempts, wakeAtMs } from '../../../runtime/core/owed.ts';
import { addressOf } from '../../../runtime/core/record.ts';
import type { AgendaSample } from '../agenda-samples.ts';
import { DEFINITIONS } from '../casts.ts';
import { type Evidence, wasForgotten } from '../evidence.ts';
import { grouped, type Judge } from './judge.ts';

/** What an entity owes after each of its turns. */
interface Truth {
  readonly revision: number;
  readonly position: number;
  readonly wakeAtMs: number | undefined;
  readonly owesAttempts: boolean;
}

/** A row of the agenda is never later than the truth of its entity's stream, and names who runs its attempts. */
export const agendaIsNeverLate: Judge = {
  name: 'agenda-is-never-late',
  judge: (evidence) => {
    if (evidence.agendas.length === 0) return [];
    const truths = truthsOf(evidence);
    return evidence.agendas.flatMap((sample) => [...truths].flatMap(([stream, all]) => lateIn(sample, stream, all)));
  },
};

function lateIn(sample: AgendaSample, stream: string, all: readonly Truth[]): readonly string[] {
  const { node, atMs, checkpoint, head, rows } = sample;
  const row = rows.get(stream);
  const seen = all.findLast(({ position }) => position < checkpoint);
  const stands = all.findLast(({ revision }) => revision <= Math.max(row?.revision ?? -1, seen?.revision ?? -1));
  if (stands?.wakeAtMs === undefined) return [];
  const what = `${node} at ${atMs} of ${stream}@${stands.revision}`;
  if (row === undefined) {
    // The owner may have said, as of a later revision than the agenda has read, that nothing is owed.
    const isOver = all.some(({ revision, position, wakeAtMs }) => revision >= stands.revision && position < head && wakeAtMs === undefined);
    return isOver ? [] : [`${what}: no row, owed at ${stands.wakeAtMs}`];
  }
  if (row.at > stands.wakeAtMs) return [`${what}: row at ${row.at}, owed at ${stands.wakeAtMs}`];
  return stands.owesAttempts && row.incarnation === undefined ? [`${what}: owes attempts, the row names nobody`] : [];
}

function truthsOf(evidence: Evidence): ReadonlyMap<string, readonly Truth[]> {
  const truths = new Map<string, readonly Truth[]>();
  for (const [stream, own] of grouped(evidence.turns, ({ stream }) => stream)) {
    const address = addressOf(stream);
    const definition = DEFINITIONS.find(({ type }) => type === address?.type);
    if (address === undefined || definition === undefined || wasForgotten(evidence, stream)) continue;
    const image = emptyImage(definition, address.id);
    truths.set(
      stream,
      own.map((turn) => {
        foldTurn(image, turn, (state) => state);
        const { books, position } = image;
        return { revision: books.revision, position, wakeAtMs: wakeAtMs(books), owesAttempts: owesAttempts(books) };
      }),
    );
  }
  return truths;
}
