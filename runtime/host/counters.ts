import type { AttemptOutcome } from '../core/turn/input.ts';

/** What the host counts since its start; read by the metrics endpoint and by tests. */
export class Counters {
  turns = 0;
  /** Messages handled: answered `done`. */
  handled = 0;
  rejected = 0;
  /** Repeated messages dropped by mark or answered from the window. */
  duplicates = 0;
  records = 0;
  /** Turns lost to another writer of the stream. */
  conflicts = 0;
  /** Appends whose outcome the store did not know at first. */
  unknown = 0;
  /** Appends given up as unknown. */
  gaveUp = 0;
  /** Appends refused by the store (full, failed, closed). */
  refused = 0;
  defects = 0;
  parked = 0;
  held = 0;
  rehydrations = 0;
  rehydratedRecords = 0;
  snapshotsUsed = 0;
  snapshotsWritten = 0;
  passivations = 0;
  timersFired = 0;
  /** Messages refused because a mailbox or the node had too much waiting. */
  overloaded = 0;
  withdrawn = 0;
  sends = 0;
  deadLetters = 0;
  agendaWakeUps = 0;
  /** Runs that ended or stalled. */
  runsEnded = 0;
  /** Attempts started, by how they ended, and reported lost without having been started here. */
  attempts = 0;
  attemptsCompleted = 0;
  attemptsRejected = 0;
  attemptsFailed = 0;
  attemptsCancelled = 0;
  attemptsLost = 0;
  /** Those of the lost that had no time left. */
  attemptsTimedOut = 0;
  /** Heartbeats whose progress was put into a mailbox. */
  heartbeats = 0;
  /** Outcomes put into a mailbox again because it could not take them. */
  outcomesRepeated = 0;

  /** Counts how an attempt ended. */
  attemptEnded(kind: AttemptOutcome['kind']): void {
    this[ENDINGS[kind]] += 1;
  }
}

const ENDINGS = {
  completed: 'attemptsCompleted',
  rejected: 'attemptsRejected',
  failed: 'attemptsFailed',
  cancelled: 'attemptsCancelled',
  lost: 'attemptsLost',
} as const satisfies Record<AttemptOutcome['kind'], keyof Counters>;
