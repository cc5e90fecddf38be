import {
  asksPredicatesInReplay,
  believesForgers,
  cancelsTwice,
  forgetsDeferred,
  ignoresSerial,
  keysPerAttempt,
  leavesLastUndone,
  refundsUnderKeysOfTheirOwn,
  satisfiedByAnything,
  takesLostForDone,
  takesSupersededFailures,
  tellsNothing,
  undoesAtOnce,
  undoesInOrder,
} from './durable-engine.ts';
import {
  asksNobodyToStop,
  dropsReplies,
  forgetsLosses,
  forgetsOnce,
  garblesProgress,
  repliesDone,
  sleepsTooShort,
  takesRepliesTwice,
  wakesForNoAttempts,
} from './durable-stores.ts';
import { answersBeforeDurability } from './stores.ts';
import type { Variant } from './variants.ts';

const crashes = { scenario: 'runs-crashes' };
const calm = { scenario: 'runs' };
const parking = { scenario: 'runs-parking' };

/** Deliberately broken runtimes of durable handlers. */
export const DURABLE_VARIANTS: readonly Variant[] = [
  { name: 'does not record that an attempt was lost', wrapping: { store: forgetsLosses }, ...crashes, judge: 'attempts-follow-records' },
  { name: 'takes every process for itself', wrapping: { incarnation: 'always the same' }, ...crashes, judge: 'attempts-do-not-overlap' },
  {
    name: 'starts attempts before their calls are durable',
    wrapping: { store: answersBeforeDurability },
    ...crashes,
    judge: 'attempts-follow-records',
  },
  { name: 'takes the failure of a superseded attempt', breaking: takesSupersededFailures, ...calm, judge: 'failures-are-true' },
  { name: 'takes a lost attempt for done', breaking: takesLostForDone, ...calm, judge: 'activities-resolve-truly' },
  { name: 'garbles progress', wrapping: { store: garblesProgress }, ...calm, judge: 'progress-is-handed-on' },
  { name: 'shows what is not in the stream', wrapping: { store: sleepsTooShort }, ...calm, judge: 'looks-are-folds' },
  {
    name: 'acknowledges runs before they are durable',
    wrapping: { store: answersBeforeDurability },
    ...crashes,
    judge: 'acknowledged-is-recorded',
  },
  { name: 'makes a key per attempt', breaking: keysPerAttempt, ...calm, judge: 'keys-are-stable' },
  { name: 'does not tell the agenda of attempts', wrapping: { store: wakesForNoAttempts }, ...crashes, judge: 'agenda-is-never-late' },
  { name: 'drops replies', wrapping: { store: dropsReplies }, ...calm, judge: 'calls-get-one-reply' },
  { name: 'takes a reply twice', wrapping: { store: takesRepliesTwice }, ...calm, judge: 'resolved-as-replied' },
  { name: 'replies another outcome', wrapping: { store: repliesDone }, ...calm, judge: 'replies-are-outcomes' },
  { name: 'does not ask what was called to stop', wrapping: { store: asksNobodyToStop }, ...calm, judge: 'callees-are-asked-to-stop' },
  { name: 'undoes in the order of the steps', breaking: undoesInOrder, ...calm, judge: 'compensations-in-reverse' },
  { name: 'lets a compensation overtake its step', breaking: undoesAtOnce, ...calm, judge: 'compensations-in-reverse' },
  { name: 'leaves a step undone', breaking: leavesLastUndone, ...calm, judge: 'sagas-are-whole' },
  { name: 'makes units', breaking: leavesLastUndone, ...calm, judge: 'units-are-kept' },
  { name: 'refunds under another key', breaking: refundsUnderKeysOfTheirOwn, ...calm, judge: 'charges-are-refunded' },
  { name: 'forgets what was deferred', breaking: forgetsDeferred, ...parking, judge: 'runs-end-once' },
  { name: 'lets serial runs overlap', breaking: ignoresSerial, ...calm, judge: 'serial-one-at-a-time' },
  { name: 'accepts again what is accepted once', wrapping: { store: forgetsOnce }, ...crashes, judge: 'once-is-once' },
  { name: 'ends a sleep early', wrapping: { store: sleepsTooShort }, ...calm, judge: 'waits-end-in-time' },
  { name: 'is satisfied by any state', breaking: satisfiedByAnything, ...calm, judge: 'untils-see-what-satisfies' },
  { name: 'asks predicates in a replay', breaking: asksPredicatesInReplay, ...crashes, judge: 'replays-as-recorded' },
  { name: 'delivers a cancellation twice', breaking: cancelsTwice, ...parking, judge: 'cancelled-once' },
  { name: 'believes forgers', breaking: believesForgers, ...calm, judge: 'callbacks-completed-once' },
  { name: 'tells another outcome', breaking: tellsNothing, ...calm, judge: 'outcomes-as-recorded' },
];
