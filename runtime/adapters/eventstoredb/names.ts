import type { StreamName } from '../../core/record.ts';

/** Names of the runtime's own streams: none can be an entity's, whose type has no dot. */
export const STORE_STREAM = 'perdure.store';
export const NODE_STREAM = 'perdure.node';
export const FORGOTTEN_STREAM = 'perdure.forgotten';

/** Snapshots of an entity's stream. */
export function snapshotStream(stream: StreamName): string {
  return `perdure.snapshot-${stream}`;
}

/** Payloads that are too large to stand in an entity's stream. */
export function blobStream(stream: StreamName): string {
  return `perdure.blob-${stream}`;
}

/** A small value of the runtime. */
export function valueStream(key: string): string {
  return `perdure.value-${key}`;
}

/** Streams that subscriptions are about: those of entities, and what is forgotten of them. */
export const SUBSCRIBED = '^([a-z][A-Za-z0-9]{0,63}-|perdure\\.forgotten$)';
