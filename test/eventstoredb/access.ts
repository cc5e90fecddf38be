import type { Metadata } from '@grpc/grpc-js';
import type { ServerContext } from './context.ts';
import type { Log } from './log.ts';
import { describedBy } from './record.ts';

/** Who calls (section 4.6, ACL). */
export type Caller =
  /** The server is insecure. */
  { readonly kind: 'anybody' } | { readonly kind: 'anonymous' } | { readonly kind: 'user'; readonly name: string };

export type Right = '$r' | '$w' | '$d';

const ADMIN = 'admin';
const ADMINS = '$admins';
const EVERYONE = '$all';

/** Who the headers of a call say calls, or undefined if name and password do not belong together. */
export function callerOf({ users }: Pick<ServerContext, 'users'>, headers: Metadata): Caller | undefined {
  if (users === undefined) return { kind: 'anybody' };
  const [, encoded] = /^Basic (.+)$/i.exec(String(headers.get('authorization')[0] ?? '')) ?? [];
  if (encoded === undefined) return { kind: 'anonymous' };
  const [name = '', ...rest] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return users[name] === rest.join(':') ? { kind: 'user', name } : undefined;
}

/** May a caller do something with a stream? Default: streams of users are everyone's who gave a password, those with `$` and `$all` the admins'. */
export function mayDo(log: Log, caller: Caller, right: Right, stream: string): boolean {
  if (caller.kind === 'anybody') return true;
  if (caller.kind === 'anonymous') return false;
  if (caller.name === ADMIN) return true;
  const described = describedBy(stream);
  const acl = log.stream(described ?? stream).metadata.acl?.[described === undefined ? right : metadataRight(right)];
  const allowed = acl ?? [(described ?? stream).startsWith('$') ? ADMINS : EVERYONE];
  return allowed.includes(caller.name) || allowed.includes(EVERYONE);
}

function metadataRight(right: Right): string {
  return right === '$r' ? '$mr' : '$mw';
}
