import { randomUUID } from 'node:crypto';
import type { ServerContext } from './context.ts';
import { resolve } from './links.ts';
import type { From } from './log-reads.ts';
import type { Outlet } from './outlet.ts';
import type { ReadRequest } from './read-request.ts';
import type { LogRecord } from './record.ts';
import type { StreamHistory } from './stream-history.ts';
import { firstVisible, isYoung } from './visible-window.ts';
import { caughtUpMessage, confirmationMessage, eventMessage } from './wire-records.ts';

/** Events that may wait for a live subscriber before it is served from the log again (section 4.5). */
export const LIVE_BUFFER = 32;

/** A subscription to one stream, after a revision (exclusive), until it is cancelled or the stream is tombstoned (section 4.5). */
export async function followStream(
  context: ServerContext,
  outlet: Outlet,
  request: ReadRequest,
  { history, from }: { readonly history: StreamHistory; readonly from: From<bigint> },
): Promise<void> {
  const stop = context.log.onAppended(() => outlet.wake(), history.name);
  try {
    if (!(await outlet.clear())) return;
    outlet.write(confirmationMessage(randomUUID()));
    let next = from === 'start' ? 0 : from === 'end' ? history.events.length : Number(from) + 1;
    let isLive = false;
    while (!outlet.isOver) {
      if (isLive && history.events.length - next > LIVE_BUFFER) {
        if (context.switches.consumerTooSlowDrop) return outlet.fail({ kind: 'consumer-too-slow' });
        isLive = false;
      }
      next = await deliverFrom(context, outlet, request, history, next);
      if (!(await outlet.clear())) return;
      if (history.tombstone !== undefined) return buried(context, outlet, request, history.tombstone);
      if (!isLive && context.switches.caughtUp) outlet.write(caughtUpMessage());
      isLive = true;
      if (next >= history.events.length) await outlet.waked();
    }
  } finally {
    stop();
  }
}

/** Writes the visible events from a revision on; the revision to go on with. */
async function deliverFrom(
  context: ServerContext,
  outlet: Outlet,
  request: ReadRequest,
  history: StreamHistory,
  first: number,
): Promise<number> {
  let next = first;
  for (; next < history.events.length; next += 1) {
    if (!outlet.isClear && !(await outlet.clear())) return next;
    const visible = firstVisible(history);
    if (visible > BigInt(next)) next = visible > BigInt(history.events.length) ? history.events.length : Number(visible);
    const record = history.events[next];
    if (record === undefined) return next;
    if (isYoung(history, record, context.log.nowMs())) outlet.write(eventMessage(resolve(context.log, record, request.resolvesLinks)));
  }
  return next;
}

function buried(context: ServerContext, outlet: Outlet, { resolvesLinks }: ReadRequest, tombstone: LogRecord): void {
  outlet.write(eventMessage(resolve(context.log, tombstone, resolvesLinks)));
  outlet.fail({ kind: 'stream-deleted', stream: tombstone.stream });
}
