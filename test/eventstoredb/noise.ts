import { randomUUID } from 'node:crypto';
import type { Log } from './log.ts';
import { BINARY_CONTENT, JSON_CONTENT, type ProposedEvent } from './record.ts';

const utf8 = new TextEncoder();
const NOTHING = new Uint8Array();

/** What stands in `$all` of any real server beside one's own: metadata, users, links, binary events of other applications. */
export function addNoise(log: Log): void {
  log.append('$$$settings', 'any', [json('$metadata', { $acl: { $r: '$all' } })]);
  log.append('$user-admin', 'any', [json('$UserCreated', { loginName: 'admin', fullName: 'Administrator', groups: ['$admins'] })]);
  log.append('$$elsewhere-1', 'any', [json('$metadata', { $maxCount: 10 })]);
  const picture = Uint8Array.from({ length: 64 }, (_value, index) => (index * 37) % 256);
  log.append('elsewhere-1', 'any', [{ id: randomUUID(), type: 'picture', contentType: BINARY_CONTENT, data: picture, metadata: NOTHING }]);
  const link = { id: randomUUID(), type: '$>', contentType: BINARY_CONTENT, data: utf8.encode('0@elsewhere-1'), metadata: NOTHING };
  log.append('$ce-elsewhere', 'any', [link]);
}

function json(type: string, data: unknown): ProposedEvent {
  return { id: randomUUID(), type, contentType: JSON_CONTENT, data: utf8.encode(JSON.stringify(data)), metadata: NOTHING };
}
