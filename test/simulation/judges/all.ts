import type { Evidence } from '../evidence.ts';
import { DEFINITIONS, PROJECTIONS } from '../simulate.ts';
import type { Judge, Violation } from './judge.ts';
import { answeredExactlyOnce, noAcknowledgedSignalLost, noneTwice, noOpIsCurrent, orderPerEntity, refusedLeftNothing } from './requests.ts';
import { nothingUncaught, quiescence, rowsAreFoldOfLog, tokenHonoured } from './rows.ts';
import { oneWriterPerRevision, parkedKeepsOrder, sendsArriveOnceInOrder, stateIsFoldOfStream, timersFire } from './streams.ts';

/** Every judge of one run. */
export const JUDGES: readonly Judge[] = [
  noAcknowledgedSignalLost,
  noneTwice,
  refusedLeftNothing,
  answeredExactlyOnce,
  orderPerEntity,
  noOpIsCurrent,
  oneWriterPerRevision,
  stateIsFoldOfStream(DEFINITIONS),
  timersFire,
  sendsArriveOnceInOrder,
  parkedKeepsOrder,
  rowsAreFoldOfLog(DEFINITIONS, PROJECTIONS),
  tokenHonoured,
  quiescence,
  nothingUncaught,
];

/** What all judges have to say about a run. */
export function judged(evidence: Evidence): readonly Violation[] {
  return JUDGES.flatMap(({ name, judge }) => judge(evidence).map((what) => ({ judge: name, what })));
}
