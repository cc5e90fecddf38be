import type { EntityDefinition } from '../core/definition/erased.ts';
import { foldTurn, type Image } from '../core/image.ts';
import { type StoredTurn, streamOf } from '../core/record.ts';
import { Warming } from '../core/run/warm.ts';
import { decodeSnapshot } from '../core/snapshot.ts';
import type { TurnEnv } from '../core/turn/step.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { Guard } from './context.ts';

export type SnapshotStore = Pick<EventStore, 'readStream' | 'loadSnapshot'>;

/** What images are read with. */
export interface ImageSource {
  readonly store: SnapshotStore;
  readonly guard: Pick<Guard, 'run'>;
  readonly freeze: TurnEnv['freeze'];
}

/** The snapshot of a stream, as far as the code at hand can use it. */
export interface FromSnapshot {
  readonly bytes: number;
  /** Brought up by what stands behind it; undefined if the stream does not have what it stands on, so that it is void. */
  readonly image: Image | undefined;
}

/**
 * The image that a node begins with. Undefined if there is no snapshot that the code at hand uses (none there, another `stateVersion`): a node then folds the
 * whole stream.
 */
export async function imageFromSnapshot(source: ImageSource, definition: EntityDefinition, id: string): Promise<FromSnapshot | undefined> {
  const bytes = await source.store.loadSnapshot(streamOf(definition.type, id));
  const image = bytes === undefined ? undefined : decodeSnapshot(definition, id, bytes, source.freeze);
  if (bytes === undefined || image === undefined) return undefined;
  const stands = (await warmed(source, image)) && (await foldedUp(source, image));
  return { bytes: bytes.byteLength, image: stands ? image : undefined };
}

/** Folds the stream from where an image stands. False if the stream does not have the record that the image ends with. */
export async function foldedUp({ store, guard, freeze }: ImageSource, image: Image): Promise<boolean> {
  const { books, definition, id } = image;
  let isChecked = books.revision < 0;
  for await (const page of store.readStream(streamOf(definition.type, id), Math.max(books.revision, 0))) {
    for (const turn of page) {
      if (!isChecked && !endsWith(turn, image)) return false;
      isChecked = true;
      guard.run(turn.time, turn.turnId, () => foldTurn(image, turn, freeze));
    }
  }
  return isChecked;
}

/** Reads the inputs of runs that the snapshot holds without them. False if the stream does not have them. */
async function warmed({ store, guard, freeze }: ImageSource, { books, definition, id }: Image): Promise<boolean> {
  if (!books.hasRuns) return true;
  for (const run of books.runs.open.values()) {
    if (run.cold === undefined) continue;
    const warming = new Warming(definition, id, run);
    for await (const page of store.readStream(streamOf(definition.type, id), run.startRevision)) {
      for (const turn of page) guard.run(turn.time, turn.turnId, () => warming.fold(turn, books.revision, freeze));
      if ((page.at(-1)?.firstRevision ?? 0) > books.revision) break;
    }
    if (!warming.finish()) return false;
  }
  return true;
}

function endsWith(turn: StoredTurn, { turnId, books: { revision } }: Image): boolean {
  return turn.turnId === turnId && turn.firstRevision <= revision && revision < turn.firstRevision + turn.records.length;
}
