import { type MemoryLog, unpackTurn } from '../../../runtime/adapters/memory/event-store-log.ts';
import type { EntityDefinition } from '../../../runtime/core/definition/erased.ts';
import { emptyImage, foldTurn } from '../../../runtime/core/image.ts';
import { addressOf, type Commit } from '../../../runtime/core/record.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../runtime/core/snapshot.ts';
import type { EventStore } from '../../../runtime/ports/event-store.ts';
import type { Incarnation } from '../../../runtime/testing/simulation/incarnation.ts';
import { like } from './stores.ts';

const keep = (state: unknown) => state;

/** A snapshot is taken of every turn before it is durable, and believed later whichever turn stands in its place. */
export function snapshotsBeforeDurability(definitions: readonly EntityDefinition[]) {
  const types = new Map(definitions.map((definition) => [definition.type, definition]));
  return (inner: EventStore, _life: Incarnation, log: MemoryLog): EventStore =>
    like(inner, {
      append: (commits, settled) => {
        for (const commit of commits) take(log, types, commit);
        inner.append(commits, settled);
      },
      loadSnapshot: async (stream) => {
        const bytes = await inner.loadSnapshot(stream);
        const address = addressOf(stream);
        const definition = types.get(address?.type ?? '');
        const image = bytes && address && definition && decodeSnapshot(definition, address.id, bytes, keep);
        if (image === undefined) return bytes;
        const standing = (log.streams.get(stream) ?? []).find(
          ({ firstRevision, lastRevision }) => firstRevision <= image.books.revision && image.books.revision <= lastRevision,
        );
        image.turnId = standing?.turnId ?? image.turnId;
        return encodeSnapshot(image);
      },
    });
}

function take(log: MemoryLog, types: ReadonlyMap<string, EntityDefinition>, commit: Commit): void {
  const { stream, turnId, time, records, expectedRevision } = commit;
  const address = addressOf(stream);
  const definition = types.get(address?.type ?? '');
  if (address === undefined || definition === undefined) return;
  const image = emptyImage(definition, address.id);
  for (const packed of log.streams.get(stream) ?? []) {
    const turn = unpackTurn(log, packed);
    if (turn !== undefined) foldTurn(image, turn, keep);
  }
  if (image.books.revision !== expectedRevision || image.foldError !== undefined) return;
  foldTurn(image, { stream, turnId, time, records, firstRevision: expectedRevision + 1, position: log.next }, keep);
  if (image.foldError === undefined) log.snapshots.set(stream, encodeSnapshot(image));
}
