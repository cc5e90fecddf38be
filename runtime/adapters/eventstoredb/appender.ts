import { errorText } from '../../core/errors.ts';
import type { Revision, StreamName } from '../../core/record.ts';
import type { Clock } from '../../ports/clock.ts';
import { appendRequest } from './append-request.ts';
import type { AppendAnswer, AppendResult } from './append-result.ts';
import type { AppendCall } from './connection.ts';

/**
 * Appends over one call that carries many at once.
 *
 * Invariants:
 * P1. Every append is settled exactly once: by its answer, by the end of its call, or after `timeoutMs`. An answer to what was settled is ignored.
 * P2. At most `maxInFlight` appends and about `maxInFlightBytes` are out; the others wait, in order.
 * P3. A call that errs or ends is over for all that is out on it; the next append opens another.
 * P4. What is larger than any server takes in one message is refused unsent: sent, it would end the call for all that is out on it.
 */
export interface ProposedEvent {
  /** A UUID: the server knows a re-sent append by it. */
  readonly id: string;
  readonly type: string;
  readonly isJson: boolean;
  readonly data: Uint8Array;
  /** JSON. */
  readonly metadata: Uint8Array;
}

export interface Append {
  readonly stream: StreamName;
  /** The stream's last revision, -1 for a new stream; `any` where order does not matter. */
  readonly expected: Revision | 'any';
  readonly events: readonly ProposedEvent[];
  readonly settled: (result: AppendResult) => void;
}

export interface AppenderOptions {
  readonly open: () => Promise<AppendCall>;
  readonly clock: Clock;
  /** Until an append without an answer is unknown, in milliseconds. More than the server's own two seconds. */
  readonly timeoutMs: number;
  readonly maxInFlight: number;
  readonly maxInFlightBytes: number;
}

interface InFlight {
  readonly append: Append;
  readonly bytes: number;
  readonly untilMs: number;
}

/** How often appends are looked at for their time-out, in milliseconds: one timer for all. */
const SWEEP_MS = 250;
/**
 * When the server shall give up: a moment in this machine's time, which the server compares with its own, and never waits longer than two seconds for. So it
 * is far away: with a near one, a clock that is behind the server's by more than that would make every append fail.
 */
const SERVER_DEADLINE_MS = 10 * 365 * 86_400_000;

/** Most that is sent as one append: the server's limit of a message is 16 MiB less 10 000 bytes. */
const MAX_APPEND_BYTES = 15 * 1024 * 1024;

export class Appender {
  readonly #options: AppenderOptions;
  /** By number, in the order of sending. */
  readonly #inFlight = new Map<number, InFlight>();
  #waiting: Append[] = [];
  #bytes = 0;
  #numbers = 0;
  #call: AppendCall | undefined;
  #isOpening = false;
  #isSweeping = false;
  #idle: (() => void)[] = [];

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  /** Appends waiting or out. */
  get pending(): number {
    return this.#waiting.length + this.#inFlight.size;
  }

  /** Sends an append; its `settled` is told later, never from inside. */
  append(append: Append): void {
    if (sizeOf(append) > MAX_APPEND_BYTES) {
      const message = `the append holds ${sizeOf(append)} bytes, more than a message may`;
      this.#options.clock.soon(() => append.settled({ kind: 'refused', code: 'turn-too-large', message }));
      return;
    }
    this.#waiting.push(append);
    this.#flush();
  }

  /** Resolves when nothing is waiting or out. */
  async idle(): Promise<void> {
    if (this.pending > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #flush(): void {
    const call = this.#call;
    if (call === undefined) {
      this.#open();
      return;
    }
    const { maxInFlight, maxInFlightBytes } = this.#options;
    let sent = 0;
    for (const append of this.#waiting) {
      if (this.#inFlight.size >= maxInFlight || (this.#inFlight.size > 0 && this.#bytes >= maxInFlightBytes)) break;
      sent += 1;
      this.#send(call, append);
      if (this.#call !== call) break;
    }
    this.#waiting.splice(0, sent);
  }

  #send(call: AppendCall, append: Append): void {
    this.#numbers += 1;
    const number = this.#numbers;
    const bytes = sizeOf(append);
    this.#inFlight.set(number, { append, bytes, untilMs: this.#options.clock.now() + this.#options.timeoutMs });
    this.#bytes += bytes;
    call.write(appendRequest(append, number, this.#options.clock.now() + SERVER_DEADLINE_MS));
    this.#sweep();
  }

  #open(): void {
    if (this.#isOpening) return;
    this.#isOpening = true;
    this.#options.open().then(
      (call) => {
        this.#isOpening = false;
        this.#call = call;
        call.on('data', (answer) => this.#answered(answer));
        call.on('error', (error) => this.#lost(call, errorText(error)));
        // The other side ended it without an error: without this end of ours the call would stay half open.
        call.on('end', () => {
          this.#lost(call, 'the server ended the call');
          call.cancel();
        });
        this.#flush();
      },
      (error: unknown) => {
        this.#isOpening = false;
        for (const { settled } of this.#waiting.splice(0)) settled({ kind: 'unknown', message: errorText(error) });
        this.#tellIdle();
      },
    );
  }

  #answered({ number, result }: AppendAnswer): void {
    this.#take(number)?.(result);
    this.#flush();
    this.#tellIdle();
  }

  /** P3. What still waits was not sent; it fails with the rest, so that a store that is away is noticed at once. */
  #lost(call: AppendCall, message: string): void {
    if (this.#call !== call) return;
    this.#call = undefined;
    const waiting = this.#waiting.splice(0);
    for (const number of [...this.#inFlight.keys()]) this.#take(number)?.({ kind: 'unknown', message });
    for (const { settled } of waiting) settled({ kind: 'unknown', message });
    this.#tellIdle();
  }

  #take(number: number): ((result: AppendResult) => void) | undefined {
    const found = this.#inFlight.get(number);
    if (found === undefined) return undefined;
    this.#inFlight.delete(number);
    this.#bytes -= found.bytes;
    return found.append.settled;
  }

  #sweep(): void {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    this.#options.clock.after(SWEEP_MS, () => {
      this.#isSweeping = false;
      const now = this.#options.clock.now();
      const message = `no answer within ${this.#options.timeoutMs} ms`;
      for (const [number, { untilMs }] of this.#inFlight) {
        if (untilMs > now) break;
        this.#take(number)?.({ kind: 'unknown', message });
      }
      if (this.#inFlight.size > 0) this.#sweep();
      if (this.#call !== undefined) this.#flush();
      this.#tellIdle();
    });
  }

  #tellIdle(): void {
    if (this.pending === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** About what an append takes on the wire, in bytes. */
function sizeOf({ events }: Append): number {
  return events.reduce((sum, { type, data, metadata }) => sum + data.length + metadata.length + 2 * type.length + PER_EVENT_BYTES, 256);
}

/** Its id and the names of its properties. */
const PER_EVENT_BYTES = 128;
