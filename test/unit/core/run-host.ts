import type { RunHost } from '../../../runtime/core/run/scope.ts';
import { isPause, type Pause, type TurnResult } from '../../../runtime/core/turn/run-turn.ts';

/** A host of runs that does nothing but answer. */
export const runHost: RunHost = {
  incarnation: 'here',
  digest: (text) => `digest of ${text}`,
  scoped: (_scope, work) => work(),
  hasActivity: () => true,
  isQuery: () => false,
  tell: () => undefined,
};

/** The result of a turn that does not wait. */
export function finished(turn: TurnResult | Pause): TurnResult {
  if (isPause(turn)) throw new Error('the turn waits for a drain');
  return turn;
}
