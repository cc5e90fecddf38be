import { ActivityError, CancelledError, PerdureError, Rejection } from 'perdure';

/** How a call ends without an answer although nobody said no. */
const ENDS: readonly string[] = ['forgotten', 'terminated', 'cancelled', 'already-exists', 'call-failed'];

/**
 * Why a call did not do what it was asked for: the code of the callee's "no", of its end or of the caller's own cancellation. Undefined
 * for everything else: that is a defect, which the caller throws on so that its run stalls and can be mended.
 */
export function refusalOf(error: unknown): string | undefined {
  if (error instanceof Rejection || error instanceof ActivityError || error instanceof CancelledError) return error.code;
  return error instanceof PerdureError && ENDS.includes(error.code) ? error.code : undefined;
}
