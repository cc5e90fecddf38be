import { randomUUID } from 'node:crypto';
import { PerdureError } from '../../core/errors.ts';
import { appendFailed } from './failures.ts';
import { STORE_STREAM } from './names.ts';
import type { Reads } from './reads.ts';
import { jsonEvent, type SystemAppends } from './system-appends.ts';

/** What a store was made with. The id is given anew only after a backup was restored: what was derived from the log that is gone is refused then. */
export interface Identity {
  readonly storeId: string;
  readonly partitions: number;
}

/**
 * The identity of a store; made if it has none and `partitions` are given. Throws `store-mismatch` for other partitions than it was made with,
 * `invalid-config` if there is none and none is to be made, `store-failed`.
 */
export async function identityOf(appends: SystemAppends, reads: Reads, partitions: number | undefined): Promise<Identity> {
  const known = await readIdentity(reads);
  if (partitions === undefined) {
    if (known === undefined)
      throw new PerdureError('invalid-config', `there is no store at PERDURE_EVENTSTORE_URL: no node has used it yet`);
    return known;
  }
  const found = known ?? (await makeIdentity(appends, reads, partitions));
  if (found.partitions !== partitions) {
    throw new PerdureError(
      'store-mismatch',
      `the store was made with ${found.partitions} partitions, the configuration says ${partitions}: set PERDURE_PARTITIONS=${found.partitions}`,
    );
  }
  return found;
}

/**
 * Gives a store another id. Rows and checkpoints that name the old one are refused from then on. Throws `invalid-config` if there is no store,
 * `store-failed`.
 */
export async function renewIdentity(appends: SystemAppends, reads: Reads): Promise<Identity> {
  const { partitions } = await identityOf(appends, reads, undefined);
  const made: Identity = { storeId: randomUUID(), partitions };
  await appends.add(STORE_STREAM, [jsonEvent('perdure.store', made)]);
  return made;
}

async function makeIdentity(appends: SystemAppends, reads: Reads, partitions: number): Promise<Identity> {
  const made: Identity = { storeId: randomUUID(), partitions };
  const result = await appends.append(STORE_STREAM, -1, [jsonEvent('perdure.store', made)]);
  if (result.kind === 'appended') return made;
  // Another node was quicker, or the answer was lost: whichever stands counts.
  const found = await readIdentity(reads);
  if (found === undefined) throw appendFailed(STORE_STREAM, result);
  return found;
}

async function readIdentity(reads: Reads): Promise<Identity | undefined> {
  const event = await reads.last(STORE_STREAM);
  if (event === undefined) return undefined;
  const { storeId, partitions } = event.data as Partial<Identity>;
  if (typeof storeId !== 'string' || typeof partitions !== 'number')
    throw new PerdureError('store-corrupt', `the last event of ${STORE_STREAM} is not what a store is known by`);
  return { storeId, partitions };
}
