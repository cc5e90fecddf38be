import type streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { mayDo } from './access.ts';
import type { ServerContext } from './context.ts';
import { testOf } from './filters.ts';
import { followAll } from './follow-all.ts';
import { followStream } from './follow-stream.ts';
import { admit } from './guard.ts';
import { resolve } from './links.ts';
import { allRecords, presenceOf, refusalOfPosition, streamEvents } from './log-reads.ts';
import { Outlet } from './outlet.ts';
import { type ReadRequest, readRequest } from './read-request.ts';
import type { LogRecord } from './record.ts';
import { eventMessage, notFoundMessage } from './wire-records.ts';

type Call = ServerWritableStream<streams.ReadReq, streams.ReadResp>;

/** The service: reads of a stream or of `$all`, and subscriptions to them. */
export function read(context: ServerContext): (call: Call) => void {
  return (call) => {
    const admitted = admit(context, call.metadata);
    if ('error' in admitted) {
      call.emit('error', admitted.error);
      return;
    }
    const request = readRequest(call.request.getOptions());
    const outlet = new Outlet(context, call, request?.isSubscription ?? false);
    if (request === undefined) outlet.fail({ kind: 'bad-request', message: 'There is nothing to read in the options.' });
    else if (!mayDo(context.log, admitted.caller, '$r', request.of.stream ?? '$all')) outlet.fail({ kind: 'access-denied' });
    else
      serve(context, outlet, request).catch((error: unknown) => {
        outlet.fail({ kind: 'bad-request', message: String(error) });
      });
  };
}

async function serve(context: ServerContext, outlet: Outlet, request: ReadRequest): Promise<void> {
  const { of, isForwards, isSubscription, filter } = request;
  if (of.stream === undefined) {
    const refusal = typeof of.from === 'string' ? undefined : refusalOfPosition(context.log, of.from);
    if (refusal !== undefined) return outlet.fail(refusal);
    if (isSubscription) return followAll(context, outlet, request, of.from);
    const records = allRecords(context.log, of.from, isForwards);
    return deliver(context, outlet, request, filter === undefined ? records : matching(records, testOf(filter)));
  }
  const history = context.log.stream(of.stream);
  const presence = presenceOf(context.log, history);
  if (presence === 'deleted') return outlet.fail({ kind: 'stream-deleted', stream: of.stream });
  if (isSubscription) return followStream(context, outlet, request, { history, from: of.from });
  if (presence === 'present') return deliver(context, outlet, request, streamEvents(context.log, history, of.from, isForwards));
  if (await outlet.clear()) outlet.write(notFoundMessage(of.stream));
  outlet.end();
}

/** Writes as many records as were asked for. */
async function deliver(context: ServerContext, outlet: Outlet, request: ReadRequest, records: Iterable<LogRecord>): Promise<void> {
  let left = request.count;
  for (const record of records) {
    if (left === 0n) break;
    if (!outlet.isClear && !(await outlet.clear())) return;
    outlet.write(eventMessage(resolve(context.log, record, request.resolvesLinks)));
    left -= 1n;
  }
  if (await outlet.clear()) outlet.end();
}

function* matching(records: Iterable<LogRecord>, test: (record: LogRecord) => boolean): Generator<LogRecord> {
  for (const record of records) if (test(record)) yield record;
}
