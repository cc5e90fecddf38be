import type { ErrorCode } from './errors.ts';
import type { Position, Revision } from './record.ts';

/**
 * What a message was answered with. Plain data: the edge turns it into HTTP, the client into values and errors.
 */
export type Answer =
  /** Handled (or, for a signal, recorded). `repeated` if a known id was answered from the window. */
  | {
      readonly kind: 'done';
      readonly result: unknown;
      readonly revision: Revision;
      /** Every record of the message has a smaller or equal position; what the token names. */
      readonly position: Position;
      readonly repeated: boolean;
      /** Of a `once` signal that was accepted before: the id it was accepted under. */
      readonly first?: string;
    }
  /** A business "no"; left nothing behind. `position` names the state that the decision was made on. */
  | {
      readonly kind: 'rejected';
      readonly code: string;
      readonly details: unknown;
      readonly by: string;
      readonly message: string;
      readonly position: Position;
    }
  /** Not handled, or its outcome is not known; `code` is of the error table. */
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly details?: unknown };

/** A failed answer with the table's own message or a better one. */
export function failed(code: ErrorCode, message: string, details?: unknown): Answer {
  return details === undefined ? { kind: 'failed', code, message } : { kind: 'failed', code, message, details };
}
