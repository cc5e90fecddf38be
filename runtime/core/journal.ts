import { JOURNAL_PREFIX, type NewRecord, type Revision, type SourceMark, type TimerChange } from './record.ts';

/**
 * The journal records that this version writes: the runtime's own facts, each with its data. Type names are wire formats: never changed, only added.
 */
export interface JournalData {
  /** A signal that arrived while the entity was parked or paused, or a timer that fired; raw payload, so that a corrected schema heals it. */
  SignalHeld: HeldMessage;
  /** A signal with a chosen id that was handled and asked for nothing: keeps its id in the window. */
  SignalIgnored: Record<string, never>;
  /** The result of an update whose last record is no event, or that is too large for an event's metadata. */
  UpdateAnswered: { readonly result: unknown };
  /** A signal for another entity, carried out by the outbox. */
  SignalSent: { readonly type: string; readonly id: string; readonly name: string; readonly payload: unknown };
  /** Changes of timers by a message that emitted nothing. */
  TimerSet: { readonly timer: string; readonly key: string; readonly dueAt: number; readonly arming: number };
  TimerCleared: { readonly timer: string; readonly key: string };
  TimerFired: { readonly timer: string; readonly key: string; readonly arming: number };
  /** The entity stopped at a defect (or cannot be folded); what follows is held. */
  Parked: {
    readonly reason: 'defect' | 'fold' | 'unknown-signal';
    readonly signal: string | null;
    readonly name: string;
    readonly message: string;
  };
  /** A held message was handled (its records stand behind this one), after which the entity is no longer parked. */
  Released: { readonly held: Revision; readonly by: string; readonly why: string };
  HeldEdited: { readonly held: Revision; readonly payload: unknown; readonly by: string; readonly why: string };
  HeldSkipped: { readonly held: Revision; readonly by: string; readonly why: string };
  Paused: { readonly by: string; readonly why: string };
  /** A pause, or a park on account of a failing fold, is over. */
  Resumed: { readonly of: 'pause' | 'fold'; readonly by: string; readonly why: string };
  /** The entity owes something earlier than before; feeds the agenda. */
  Wake: { readonly at: number };
  /** The entity is gone for good; carries the marks, so that old messages stay dropped. */
  Forgotten: { readonly by: string; readonly why: string; readonly marks: readonly SourceMark[] };
}

export type HeldMessage =
  | { readonly kind: 'signal'; readonly name: string; readonly payload: unknown }
  | { readonly kind: 'timer'; readonly timer: string; readonly key: string };

export type JournalType = keyof JournalData;

/** Type name of a journal record as it stands in a stream. */
export function journalType(type: JournalType): string {
  return JOURNAL_PREFIX + type;
}

/** Is it a journal record (rather than a domain event)? */
export function isJournal(record: { readonly type: string }): boolean {
  return record.type.startsWith(JOURNAL_PREFIX);
}

/** A journal record to append. */
export function journal<T extends JournalType>(type: T, data: JournalData[T], meta: NewRecord['meta'] = {}): NewRecord {
  return { type: JOURNAL_PREFIX + type, data, meta };
}

/** The record for a timer change that has no event to ride on. */
export function timerRecord(change: TimerChange): NewRecord {
  const { timer, key } = change;
  return change.dueAt === null
    ? journal('TimerCleared', { timer, key })
    : journal('TimerSet', { timer, key, dueAt: change.dueAt, arming: change.arming });
}
