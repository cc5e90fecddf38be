import type { EventStoreDBClient, Position } from '@eventstore/db-client';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import services from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';

/** A subscription to `$all` as the wire knows it. */
export interface WireSubscription {
  /** Exclusive; absent: from the beginning. */
  readonly after?: Position;
  /** Absent: everything. */
  readonly filter?: WireFilter;
}

export interface WireFilter {
  readonly prefixes: readonly string[];
  /** Records of a window; a checkpoint comes every `window` times `multiplier` records. */
  readonly window: number;
  readonly multiplier: number;
}

/** A message of a subscription, in plain values; the client tells of most of them outside of their order. */
export type WireMessage =
  | { readonly kind: 'confirmation' | 'caught-up' | 'fell-behind' | 'other' }
  | { readonly kind: 'checkpoint'; readonly commit: bigint; readonly prepare: bigint }
  | { readonly kind: 'event'; readonly stream: string; readonly revision: bigint; readonly commit: bigint; readonly prepare: bigint };

/**
 * Subscribes on the connection of the real client and yields every message in the order of the wire. Ending the iteration cancels the
 * call; an error of the call is thrown.
 */
export async function* subscribeOnWire(
  client: EventStoreDBClient,
  subscription: WireSubscription,
): AsyncGenerator<WireMessage, void, void> {
  const request = requestOf(subscription);
  const create = client['GRPCStreamCreator'](services.StreamsClient, 'conformance', (grpc) =>
    grpc.read(request, ...client['callArguments']({}, { deadline: Number.POSITIVE_INFINITY })),
  );
  const call = await create();
  // An iteration that ends early cancels; that the call then tells so is no news.
  call.on('error', () => {});
  try {
    for await (const message of call) yield messageOf(message as ReadResp);
  } finally {
    call.cancel();
  }
}

function requestOf({ after, filter }: WireSubscription): ReadReq {
  const all = new streams.ReadReq.Options.AllOptions();
  if (after === undefined) all.setStart(new shared.Empty());
  else all.setPosition(new streams.ReadReq.Options.Position().setCommitPosition(`${after.commit}`).setPreparePosition(`${after.prepare}`));
  const options = new streams.ReadReq.Options()
    .setAll(all)
    .setSubscription(new streams.ReadReq.Options.SubscriptionOptions())
    .setUuidOption(new streams.ReadReq.Options.UUIDOption().setString(new shared.Empty()));
  if (filter === undefined) options.setNoFilter(new shared.Empty());
  else options.setFilter(filterOf(filter));
  return new streams.ReadReq().setOptions(options);
}

function filterOf({ prefixes, window, multiplier }: WireFilter): ReadReq.Options.FilterOptions {
  const names = new streams.ReadReq.Options.FilterOptions.Expression().setPrefixList([...prefixes]);
  return new streams.ReadReq.Options.FilterOptions().setStreamIdentifier(names).setMax(window).setCheckpointintervalmultiplier(multiplier);
}

function messageOf(message: ReadResp): WireMessage {
  if (message.hasConfirmation()) return { kind: 'confirmation' };
  if (message.hasCaughtUp()) return { kind: 'caught-up' };
  if (message.hasFellBehind()) return { kind: 'fell-behind' };
  const checkpoint = message.getCheckpoint();
  if (checkpoint !== undefined) {
    return { kind: 'checkpoint', commit: BigInt(checkpoint.getCommitPosition()), prepare: BigInt(checkpoint.getPreparePosition()) };
  }
  const event = message.getEvent()?.getEvent();
  if (event === undefined) return { kind: 'other' };
  return {
    kind: 'event',
    stream: Buffer.from(event.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString(),
    revision: BigInt(event.getStreamRevision()),
    commit: BigInt(event.getCommitPosition()),
    prepare: BigInt(event.getPreparePosition()),
  };
}

/** The messages up to the first that `isLast` holds for, that one included. `isLast` is also given those before it. */
export async function messagesUntil(
  messages: AsyncIterable<WireMessage>,
  isLast: (message: WireMessage, before: readonly WireMessage[]) => boolean,
): Promise<readonly WireMessage[]> {
  const taken: WireMessage[] = [];
  for await (const message of messages) {
    const isEnough = isLast(message, taken);
    taken.push(message);
    if (isEnough) return taken;
  }
  throw new Error(`the subscription ended after ${taken.length} messages`);
}
