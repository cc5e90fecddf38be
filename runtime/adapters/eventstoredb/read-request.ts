import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { Position, Revision } from '../../core/record.ts';

/** What to read: a stream or the whole log, from a place (inclusive forwards) in a direction, at most `count` events. */
export interface ReadRange {
  readonly of:
    | { readonly stream: string; readonly from: Revision | 'end' }
    | { readonly stream: undefined; readonly from: Position | 'end' };
  readonly isBackwards?: boolean;
  readonly count?: number;
}

/** The request of a read; without `count` it goes on to the end. */
export function readRequest({ of, isBackwards = false, count = Number.MAX_SAFE_INTEGER }: ReadRange): streams.ReadReq {
  const options = new streams.ReadReq.Options();
  if (of.stream === undefined) options.setAll(allFrom(of.from));
  else options.setStream(streamFrom(of.stream, of.from));
  const { FORWARDS, BACKWARDS } = streams.ReadReq.Options.ReadDirection;
  options.setReadDirection(isBackwards ? BACKWARDS : FORWARDS);
  options.setCount(String(count));
  options.setNoFilter(new shared.Empty());
  options.setUuidOption(new streams.ReadReq.Options.UUIDOption().setString(new shared.Empty()));
  return new streams.ReadReq().setOptions(options);
}

/** The request of a subscription to the streams whose name matches `regex`, behind `from`; the server tells how far it is at least every `window` events. */
export function followRequest(from: Position, regex: string, window: number): streams.ReadReq {
  const { Options } = streams.ReadReq;
  const expression = new Options.FilterOptions.Expression().setRegex(regex);
  const filter = new Options.FilterOptions().setStreamIdentifier(expression).setMax(window).setCheckpointintervalmultiplier(1);
  const request = readRequest({ of: { stream: undefined, from } });
  request.getOptions()?.setSubscription(new Options.SubscriptionOptions()).setFilter(filter);
  return request;
}

function streamFrom(stream: string, from: Revision | 'end'): streams.ReadReq.Options.StreamOptions {
  const options = new streams.ReadReq.Options.StreamOptions();
  options.setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from(stream)));
  return from === 'end' ? options.setEnd(new shared.Empty()) : options.setRevision(String(from));
}

/** Events that were appended one by one have one number for both halves of their place. */
function allFrom(from: Position | 'end'): streams.ReadReq.Options.AllOptions {
  const options = new streams.ReadReq.Options.AllOptions();
  if (from === 'end') return options.setEnd(new shared.Empty());
  if (from === 0) return options.setStart(new shared.Empty());
  return options.setPosition(new streams.ReadReq.Options.Position().setCommitPosition(String(from)).setPreparePosition(String(from)));
}
