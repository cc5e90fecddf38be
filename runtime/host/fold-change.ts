import { createHash } from 'node:crypto';
import type { EntityDefinition } from '../core/definition/erased.ts';
import { stateVersionOf } from '../core/snapshot.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { HostLog } from './context.ts';

/**
 * Warns when the text of an entity's reducers or upcasters changed and its `stateVersion` was not raised: snapshots made by the old ones would go on
 * being used. Only a warning, because a text can change without its meaning.
 *
 * What was last seen is kept in the store, per entity type. Rejects if the store cannot be read or written.
 */
export async function warnOfChangedFolds(store: EventStore, definitions: Iterable<EntityDefinition>, log: HostLog): Promise<void> {
  for (const definition of definitions) {
    const key = `fold/${definition.type}`;
    const seen = await store.getValue(key);
    const now = `${stateVersionOf(definition)} ${textOf(definition)}`;
    const before = seen === undefined ? undefined : new TextDecoder().decode(seen);
    if (before === now) continue;
    if (before?.split(' ')[0] === String(stateVersionOf(definition))) {
      const { type } = definition;
      log.warn('fold-changed', {
        type,
        stateVersion: stateVersionOf(definition),
        message: `the reducers or upcasters of ${type} changed; if the state they make changed too, raise options.stateVersion`,
      });
    }
    await store.putValue(key, new TextEncoder().encode(now));
  }
}

function textOf({ initial, reducers, upcasts }: EntityDefinition): string {
  const hash = createHash('sha256').update(String(initial));
  for (const [event, reducer] of reducers) hash.update(`\n${event}\n${reducer}`);
  for (const [event, steps] of upcasts) hash.update(`\n${event}\n${steps.join('\n')}`);
  return hash.digest('base64url');
}
