import type { Metadata } from '@grpc/grpc-js';
import { type Caller, callerOf } from './access.ts';
import type { ServerContext } from './context.ts';
import { type CallError, callError } from './errors.ts';

/** What is checked before a call is looked at: who calls, and whether this server is the one to ask. A starting server answers batch calls one by one. */
export function admit(
  context: ServerContext,
  headers: Metadata,
  isBatch = false,
): { readonly caller: Caller } | { readonly error: CallError } {
  const { state } = context;
  const caller = callerOf(context, headers);
  if (caller === undefined) return { error: callError({ kind: 'not-authenticated' }) };
  if (!state.isReady && !isBatch) return { error: callError({ kind: 'not-ready' }) };
  const needsLeader = String(headers.get('requires-leader')[0] ?? '').toLowerCase() === 'true';
  if (needsLeader && state.leader !== undefined) return { error: callError({ kind: 'not-leader', leader: state.leader }) };
  return { caller };
}
