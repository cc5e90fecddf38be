import type { BatchFailure, BatchOptions, SendOptions, Sent } from '../client/types.ts';
import type { SignalMessage } from '../core/definition/types.ts';
import { type ErrorCode, errorText, isPerdureError, PerdureError } from '../core/errors.ts';
import { isRejection, Rejection } from '../core/rejection.ts';

/** Signals of one list that are on their way at once. */
const PART = 1_000;

/** Sends one signal. */
export type SendOne = (message: SignalMessage, options: SendOptions) => Promise<Sent<unknown>>;

/** Sends a list in its order. What it fails with is the first one's error, with a BatchFailure as its details; a defect is thrown as it was thrown. */
export async function sendList(
  messages: readonly SignalMessage[],
  { ids, ...options }: BatchOptions,
  { sendOne, makeId }: { readonly sendOne: SendOne; readonly makeId: () => string },
): Promise<readonly Sent<unknown>[]> {
  if (ids !== undefined && ids.length !== messages.length)
    throw new PerdureError('malformed-request', `there are ${messages.length} messages and ${ids.length} ids`);
  const signalIds = messages.map((_message, n) => ids?.[n] ?? makeId());
  const settled: PromiseSettledResult<Sent<unknown>>[] = [];
  for (let from = 0; from < messages.length; from += PART) {
    const part = messages.slice(from, from + PART);
    const sending = part.map((message, n) => sendOne(message, { ...options, id: signalIds[from + n] ?? '' }));
    settled.push(...(await Promise.allSettled(sending)));
  }
  const first = settled.find((one) => one.status === 'rejected');
  if (first !== undefined) throw failed(first.reason, signalIds, settled);
  return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}

function failed(first: unknown, signalIds: readonly string[], settled: readonly PromiseSettledResult<Sent<unknown>>[]): unknown {
  if (!isPerdureError(first) && !isRejection(first)) return first;
  const failures = settled.flatMap((one, index) => {
    if (one.status === 'fulfilled') return [];
    const { reason } = one;
    const code = isPerdureError(reason) || isRejection(reason) ? reason.code : 'defect';
    return [{ index, code, message: errorText(reason), signalId: signalIds[index] ?? '' }];
  });
  const sent = settled.map((one) => (one.status === 'fulfilled' ? one.value : undefined));
  const details: BatchFailure = { failures, sent };
  const message = `${failures.length} of ${settled.length} signals failed; the first: ${first.message}`;
  if (isRejection(first)) return new Rejection(first.code, details, first.by, message);
  return new PerdureError(first.code as ErrorCode, message, details);
}
