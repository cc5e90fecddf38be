import type { Address } from '../core/definition/types.ts';
import { errorText, isPerdureError, PerdureError } from '../core/errors.ts';
import { DEFECT_CODES } from '../core/turn/segment.ts';
import type { HostLog } from '../host/context.ts';

/**
 * What went wrong without an answer that says so: defects, calls that nobody awaited, rejections that nobody caught, projections that stopped.
 *
 * Invariants:
 * I1. Each is told once: to the verb that was answered with it, else to the next verb that would have succeeded.
 */
export class Mishaps {
  #all: Mishap[] = [];

  /** The log of a host. */
  get log(): HostLog {
    const note = (event: string, fields: Fields) => {
      if (MISHAPS.has(event)) this.#note(event, fields);
    };
    return { debug: note, info: note, warn: note, error: (event, fields) => ANSWERED.has(event) || this.#note(event, fields) };
  }

  /** A mishap of no entity. */
  add(error: unknown): void {
    this.#all.push({ type: undefined, id: undefined, error: errorOf(error) });
  }

  /** What an answer stands for: if an entity's defect, that as it was thrown (and taken, I1), else the answer itself. */
  original({ type, id }: Address, answer: unknown): unknown {
    if (!isPerdureError(answer) || !STANDS_FOR_DEFECT.has(answer.code)) return answer;
    const at = this.#all.findLastIndex((mishap) => mishap.type === type && mishap.id === id);
    return at < 0 ? answer : this.#all.splice(at, 1)[0]?.error;
  }

  /** Takes all of them: one as it was thrown, several as an AggregateError; undefined if there are none. */
  take(): Error | undefined {
    const errors = this.#all.map(({ error }) => error);
    this.#all = [];
    if (errors.length < 2) return errors[0];
    return new AggregateError(errors, `${errors.length} things went wrong: ${errors.map(({ message }) => message).join('; ')}`);
  }

  #note(event: string, fields: Fields): void {
    const { type, id, error } = fields;
    if (this.#all.length >= MAX_KEPT) return;
    const told = error === undefined ? new PerdureError('defect', `${event} ${JSON.stringify(fields)}`) : errorOf(error);
    this.#all.push({ type, id, error: told });
  }
}

type Fields = Readonly<Record<string, unknown>>;
interface Mishap {
  readonly type: unknown;
  readonly id: unknown;
  readonly error: Error;
}

/** Events of any level that are mistakes of the user's code. */
const MISHAPS: ReadonlySet<string> = new Set(['defect', 'call-abandoned', 'rejection-unhandled']);
/** Errors of the log that whoever asked is answered with, too. */
const ANSWERED: ReadonlySet<string> = new Set(['append-refused']);
const STANDS_FOR_DEFECT: ReadonlySet<string> = new Set(['run-stalled', 'parked', ...DEFECT_CODES]);
/** One cause may be told for every entity there is. */
const MAX_KEPT = 100;

/** User code may throw anything; what is thrown on is an error. */
function errorOf(thrown: unknown): Error {
  if (isPerdureError(thrown) || thrown instanceof Error) return thrown;
  return new PerdureError('defect', errorText(thrown), undefined, { cause: thrown });
}
