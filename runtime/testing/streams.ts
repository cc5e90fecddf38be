import { type MemoryLog, unpackTurn } from '../adapters/memory/event-store-log.ts';
import type { EntityDefinition } from '../core/definition/erased.ts';
import { PerdureError } from '../core/errors.ts';
import { upcastEvent } from '../core/fold.ts';
import { emptyImage, foldTurn, type Image } from '../core/image.ts';
import { isJournal } from '../core/journal.ts';
import { checkedFreeze } from '../core/plain.ts';
import { type StoredTurn, streamOf } from '../core/record.ts';
import type { OpenRun } from '../core/run/open-run.ts';
import { guard } from '../host/guard.ts';

/** The turns of an entity's stream, in order; each reading is a copy of its own. */
export function turnsOf(log: MemoryLog, type: string, id: string): readonly StoredTurn[] {
  const packed = log.streams.get(streamOf(type, id)) ?? [];
  return packed.flatMap((turn) => unpackTurn(log, turn) ?? []);
}

/** The domain events of an entity, `{ type, data }`, payloads in their newest version. */
export function eventsOf(
  log: MemoryLog,
  definition: EntityDefinition,
  id: string,
): readonly { readonly type: string; readonly data?: unknown }[] {
  return turnsOf(log, definition.type, id)
    .flatMap(({ records }) => records)
    .filter((record) => !isJournal(record))
    .map(({ type, data, meta }) => {
      const payload = upcastEvent(definition, type, meta.version ?? 1, data);
      return payload === null ? { type } : { type, data: payload };
    });
}

/** What the stream of an entity folds to, from its first record on; `onEnded` is told of each run that ended. Throws `fold-failed`. */
export function foldedImage(log: MemoryLog, definition: EntityDefinition, id: string, onEnded?: (run: OpenRun) => void): Image {
  const image = guard.run(0, id, () => emptyImage(definition, id));
  if (onEnded !== undefined) image.books.runs.onEnded = onEnded;
  for (const turn of turnsOf(log, definition.type, id)) guard.run(turn.time, turn.turnId, () => foldTurn(image, turn, checkedFreeze));
  if (image.foldError !== undefined) throw new PerdureError('fold-failed', image.foldError);
  return image;
}
