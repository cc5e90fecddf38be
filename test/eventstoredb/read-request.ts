import streams from '@eventstore/db-client/generated/streams_pb.js';
import { DEFAULT_WINDOW, type FilterOptions } from './filters.ts';
import type { From, LogPosition } from './log-reads.ts';
import { streamName } from './wire-requests.ts';

/** What a Read call asks for. */
export interface ReadRequest {
  readonly of: { readonly stream: string; readonly from: From<bigint> } | { readonly stream: undefined; readonly from: From<LogPosition> };
  readonly isForwards: boolean;
  readonly resolvesLinks: boolean;
  readonly isSubscription: boolean;
  /** Events at most; it has no meaning for a subscription. */
  readonly count: bigint;
  readonly filter: FilterOptions | undefined;
}

/** Reads the options of a Read call; undefined if they name nothing to read. */
export function readRequest(options: streams.ReadReq.Options | undefined): ReadRequest | undefined {
  const of = options === undefined ? undefined : target(options);
  if (options === undefined || of === undefined) return undefined;
  const filter = options.getFilter();
  return {
    of,
    isForwards: options.getReadDirection() === streams.ReadReq.Options.ReadDirection.FORWARDS,
    resolvesLinks: options.getResolveLinks(),
    isSubscription: options.hasSubscription(),
    count: BigInt(options.getCount()),
    filter: filter === undefined ? undefined : filterOptions(filter),
  };
}

function target(options: streams.ReadReq.Options): ReadRequest['of'] | undefined {
  const stream = options.getStream();
  if (stream !== undefined) {
    const from = stream.hasEnd() ? 'end' : stream.hasRevision() ? BigInt(stream.getRevision()) : 'start';
    return { stream: streamName(stream.getStreamIdentifier()), from };
  }
  const all = options.getAll();
  if (all === undefined) return undefined;
  const position = all.getPosition();
  if (position === undefined) return { stream: undefined, from: all.hasEnd() ? 'end' : 'start' };
  return { stream: undefined, from: { commit: Number(position.getCommitPosition()), prepare: Number(position.getPreparePosition()) } };
}

function filterOptions(filter: streams.ReadReq.Options.FilterOptions): FilterOptions {
  const onType = filter.getEventType();
  const expression = onType ?? filter.getStreamIdentifier();
  return {
    on: onType === undefined ? 'stream' : 'type',
    regex: expression?.getRegex() ?? '',
    prefixes: expression?.getPrefixList() ?? [],
    window: filter.hasMax() ? filter.getMax() : DEFAULT_WINDOW,
    multiplier: filter.getCheckpointintervalmultiplier(),
  };
}
