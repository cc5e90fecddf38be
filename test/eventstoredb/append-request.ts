import { type Caller, mayDo } from './access.ts';
import type { ServerContext } from './context.ts';
import type { AppendOutcome } from './log.ts';
import type { Expected, ProposedEvent } from './record.ts';
import type { Refusal } from './refusals.ts';

/** One append, by whichever call it came. */
export interface AppendRequest {
  readonly caller: Caller;
  readonly stream: string;
  readonly expected: Expected;
  readonly events: readonly ProposedEvent[];
}

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const NO_GUID = '00000000-0000-0000-0000-000000000000';

/** Checks an append against the limits of section 4.3 and the rights of its caller, and makes it. */
export function makeAppend(context: ServerContext, request: AppendRequest): AppendOutcome {
  const { log } = context;
  const { caller, stream, expected, events } = request;
  const refusal = invalid(request) ?? tooLarge(context, events);
  if (refusal !== undefined) return refusal;
  if (stream === '$all' || !mayDo(log, caller, '$w', stream)) return { kind: 'access-denied' };
  return log.append(stream, expected, events);
}

function invalid({ stream, events }: AppendRequest): Refusal | undefined {
  if (stream === '' || stream === '$$') return { kind: 'bad-request', message: `Invalid stream name '${stream}'.` };
  for (const { id, type } of events) {
    if (!GUID.test(id) || id === NO_GUID) return { kind: 'bad-request', message: `Empty or invalid event id '${id}'.` };
    if (type === '') return { kind: 'bad-request', message: `Event ${id} has no type.` };
  }
  return undefined;
}

function tooLarge({ switches }: ServerContext, events: readonly ProposedEvent[]): Refusal | undefined {
  const limit = switches.maxAppendEventSize ?? Number.POSITIVE_INFINITY;
  let total = 0;
  for (const event of events) {
    const size = event.data.length + event.metadata.length + 2 * event.type.length;
    if (size > limit) return { kind: 'maximum-append-event-size-exceeded', eventId: event.id, size, limit };
    total += size;
  }
  return total > switches.maxAppendSize ? { kind: 'maximum-append-size-exceeded', limit: switches.maxAppendSize } : undefined;
}
