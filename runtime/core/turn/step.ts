import type { Answer } from '../answer.ts';
import type { Image } from '../image.ts';
import type { NewRecord } from '../record.ts';
import type { RunHost } from '../run/scope.ts';
import type { Decision, Input, Step } from './input.ts';

/** What a turn is given beside its messages. */
export interface TurnEnv {
  /** Turn time: not before the image's last time; the caller has made it so (turnTime). */
  readonly nowMs: number;
  /** Random, new for each commit attempt. */
  readonly turnId: string;
  /** `state`: a reducer made it. checkedFreeze in development and tests, identity in production. */
  readonly freeze: (value: unknown, part?: 'state') => unknown;
  /** Called with what user code threw when it was not a rejection, and the run that it stalled, if it is a run's. */
  readonly onDefect?: (error: unknown, input: Input, image: Image, run?: string) => void;
  /** Estimated bytes that one append may hold. */
  readonly maxTurnBytes: number;
  /** What durable handlers need of the host. */
  readonly runs: RunHost;
}

/** A step that appends nothing. */
export function nothing(image: Image, decision: Decision): Step {
  return { records: NONE, state: image.state, bytes: 0, decision };
}
const NONE: readonly NewRecord[] = [];

/** The plain "it is done" on the image as it stands. The host sets the position of what was appended. */
export function done(image: Image, result: unknown = null): Extract<Answer, { kind: 'done' }> {
  return { kind: 'done', result, revision: image.books.revision, position: image.position, repeated: false };
}
