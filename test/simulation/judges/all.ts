import { DEFINITIONS, PROJECTIONS } from '../casts.ts';
import type { Evidence } from '../evidence.ts';
import { agendaIsNeverLate } from './agenda.ts';
import type { Judge, Violation } from './judge.ts';
import { answeredExactlyOnce, noAcknowledgedSignalLost, noneTwice, noOpIsCurrent, orderPerEntity, refusedLeftNothing } from './requests.ts';
import { nothingUncaught, quiescence, rowsAreFoldOfLog, tokenHonoured } from './rows.ts';
import {
  activitiesResolveTruly,
  attemptsDoNotOverlap,
  attemptsFollowRecords,
  chargesAreRefunded,
  failuresAreTrue,
  keysAreStable,
  progressIsHandedOn,
} from './run-attempts.ts';
import { calleesAreAskedToStop, callsGetOneReply, repliesAreOutcomes, resolvedAsReplied } from './run-calls.ts';
import { acknowledgedIsRecorded, onceIsOnce, outcomesAsRecorded, replaysAsRecorded, runsEndOnce, serialOneAtATime } from './run-ends.ts';
import { compensationsInReverse, sagasAreWhole, unitsAreKept } from './run-sagas.ts';
import { callbacksCompletedOnce, cancelledOnce, looksAreFolds, untilsSeeWhatSatisfies, waitsEndInTime } from './run-waits.ts';
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
  runsEndOnce,
  serialOneAtATime,
  onceIsOnce,
  outcomesAsRecorded,
  acknowledgedIsRecorded,
  replaysAsRecorded,
  callsGetOneReply,
  resolvedAsReplied,
  repliesAreOutcomes,
  calleesAreAskedToStop,
  attemptsFollowRecords,
  failuresAreTrue,
  progressIsHandedOn,
  activitiesResolveTruly,
  attemptsDoNotOverlap,
  keysAreStable,
  chargesAreRefunded,
  waitsEndInTime,
  untilsSeeWhatSatisfies,
  cancelledOnce,
  callbacksCompletedOnce,
  looksAreFolds,
  compensationsInReverse,
  sagasAreWhole,
  unitsAreKept,
  agendaIsNeverLate,
];

/** What all judges have to say about a run. */
export function judged(evidence: Evidence): readonly Violation[] {
  return JUDGES.flatMap(({ name, judge }) => judge(evidence).map((what) => ({ judge: name, what })));
}
