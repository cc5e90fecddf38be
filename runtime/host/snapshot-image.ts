import type { EntityDefinition } from '../core/definition/erased.ts';
import { foldTurn, type Image } from '../core/image.ts';
import { type StoredTurn, streamOf } from '../core/record.ts';
import { Warming } from '../core/run/warm.ts';
import { decodeSnapshot } from '../core/snapshot.ts';
import type { TurnEnv } from '../core/turn/step.ts';
import type { EventStore } from '../ports/event-store.ts';
import { guard } from './guard.ts';

export type SnapshotStore = Pick<EventStore, 'readStream' | 'loadSnapshot'>;

/**
 * The image that a node would begin with: the snapshot of a stream, brought up by what stands behind it. Undefined if the code at hand does not use it (none
 * there, another `stateVersion`, not of this stream): a node then folds the whole stream.
 */
export async function imageFromSnapshot(
  store: SnapshotStore,
  definition: EntityDefinition,
  id: string,
  freeze: TurnEnv['freeze'],
): Promise<Image | undefined> {
  const stream = streamOf(definition.type, id);
  const bytes = await store.loadSnapshot(stream);
  const image = bytes === undefined ? undefined : decodeSnapshot(definition, id, bytes, freeze);
  if (image === undefined || !(await warmed(store, stream, image, freeze))) return undefined;
  let isChecked = false;
  for await (const page of store.readStream(stream, image.books.revision)) {
    for (const turn of page) {
      if (!isChecked && !endsWith(turn, image)) return undefined;
      isChecked = true;
      guard.run(turn.time, turn.turnId, () => foldTurn(image, turn, freeze));
    }
  }
  return isChecked ? image : undefined;
}

/** Reads the inputs of runs that the snapshot holds without them. False if the stream does not have them. */
async function warmed(store: SnapshotStore, stream: string, image: Image, freeze: TurnEnv['freeze']): Promise<boolean> {
  const { books, definition, id } = image;
  for (const run of books.runs.open.values()) {
    if (run.cold === undefined) continue;
    const warming = new Warming(definition, id, run);
    for await (const page of store.readStream(stream, run.startRevision))
      for (const turn of page) guard.run(turn.time, turn.turnId, () => warming.fold(turn, books.revision, freeze));
    if (!warming.finish()) return false;
  }
  return true;
}

function endsWith(turn: StoredTurn, { turnId, books: { revision } }: Image): boolean {
  return turn.turnId === turnId && turn.firstRevision <= revision && revision < turn.firstRevision + turn.records.length;
}
