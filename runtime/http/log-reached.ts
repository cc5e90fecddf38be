import { PerdureError } from '../core/errors.ts';
import type { Token } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import type { Edge } from './edge.ts';

/**
 * Waits until the log holds what the tokens of an entity type name. Undefined, without waiting, if it does: always, but for a token from before a backup
 * was restored. Rejects with `read-timeout`.
 */
export function logReached(edge: Edge, tokens: readonly Token[], type: string, timeoutMs: number, clock: Clock): Promise<void> | undefined {
  const behind = () => tokens.some((token) => token.type === type && token.position >= edge.reader.head());
  return behind() ? poll(behind, clock.now() + timeoutMs, clock) : undefined;
}

async function poll(behind: () => boolean, until: number, clock: Clock): Promise<void> {
  while (behind()) {
    if (clock.now() >= until) {
      throw new PerdureError(
        'read-timeout',
        'the log does not reach the token: was the store restored from a backup? Send the request without it.',
      );
    }
    await new Promise<void>((resolve) => void clock.after(POLL_MS, resolve));
  }
}

const POLL_MS = 50;
