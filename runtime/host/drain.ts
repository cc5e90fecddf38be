import { type Answer, failed } from '../core/answer.ts';
import type { Clock } from '../ports/clock.ts';
import type { Backlog } from './backlog.ts';
import type { Mailbox, Queued } from './mailbox.ts';
import type { Replies } from './replies.ts';

const STEP_MS = 5;

/**
 * Waits until nothing is left that was taken and no attempt is out, at most `drainMs`: an attempt that is cut off is lost, and counted. Measured in steps:
 * the clock may be set back meanwhile.
 */
export async function drained(
  backlog: Pick<Backlog, 'messages'>,
  attempts: { readonly running: number },
  clock: Clock,
  drainMs: number,
): Promise<void> {
  for (let waitedMs = 0; (backlog.messages > 0 || attempts.running > 0) && waitedMs < drainMs; waitedMs += STEP_MS) {
    await new Promise<void>((resolve) => void clock.after(STEP_MS, resolve));
  }
}

/** Tells the callers of what will not be finished. A source is told nothing: it sends again from where it knows of an end. */
export function dismiss(mailbox: Mailbox, replies: Replies): void {
  const dismissed = (item: Queued, answer: Answer) => {
    if (item.kind !== 'signal' || item.mark === undefined) replies.answer(item, answer);
  };
  for (const item of mailbox.flight?.batch ?? mailbox.begun ?? []) {
    dismissed(item, failed('outcome-unknown', 'the node stopped before the store had said whether the message is durable'));
  }
  for (let item = mailbox.shift(); item !== undefined; item = mailbox.shift()) {
    dismissed(item, failed('draining', 'the node stopped before the message was taken'));
  }
}
