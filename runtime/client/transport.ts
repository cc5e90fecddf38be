import { isPerdureError, PerdureError } from '../core/errors.ts';
import { baggageHeader } from './baggage.ts';
import type { Positions } from './positions.ts';
import { errorOf, isPassing, type ProblemBody } from './problem.ts';

/**
 * Requests over fetch, repeated while that is safe and may help.
 *
 * Invariants:
 * F1. A request is repeated only as it is: same id, same body. Every request of a client is safe to repeat: reads, messages with an id, completions.
 * F2. Time is one budget: no repetition starts after it, and the server is told what is left.
 * F3. Between repetitions there is a growing, random wait, or the server's `retry-after` where that is longer.
 * F4. What no request can carry (an id that is no header, a payload that is no JSON) is refused before anything is sent, never repeated.
 */
export interface TransportOptions {
  readonly url: string;
  readonly apiKey?: string;
  readonly baggage?: () => Readonly<Record<string, string>>;
}

export interface Asking {
  readonly method: 'GET' | 'POST';
  /** Path and query, encoded. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Name of the parameter that tells the server how long to wait, if the call has one. */
  readonly waitParameter?: 'timeout' | 'wait';
  readonly signal?: AbortSignal | undefined;
}

export interface Reply {
  readonly value: unknown;
  /** The token of the answer. */
  readonly position: string | undefined;
}

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;
/** Time for the server's own answer that the wait is over to arrive. */
const GRACE_MS = 1_000;

export class Transport {
  readonly #options: TransportOptions;
  readonly #base: string;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#base = options.url.replace(/\/+$/, '');
  }

  /** Resolves with a 2xx answer. Throws PerdureError, Rejection, or the reason of an aborted `signal`. */
  async ask(asking: Asking, positions: Positions): Promise<Reply> {
    const until = performance.now() + asking.timeoutMs;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      const leftMs = Math.max(1, Math.round(until - performance.now()));
      const outcome = await this.#once(asking, positions, leftMs);
      if ('reply' in outcome) return outcome.reply;
      const waitMs = Math.max(outcome.retryAfterMs, pauseMs * (0.5 + Math.random() / 2));
      if (!outcome.isPassing || performance.now() + waitMs >= until) throw outcome.error;
      await pause(waitMs, asking.signal);
    }
  }

  async #once(asking: Asking, positions: Positions, leftMs: number): Promise<Outcome> {
    const { url, init } = this.#request(asking, positions, leftMs);
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, { ...init, signal: deadline(leftMs + GRACE_MS, asking.signal) });
      text = await response.text();
    } catch (error) {
      asking.signal?.throwIfAborted();
      return { isPassing: true, retryAfterMs: 0, error: lost(error) };
    }
    positions.learn(response.headers.get('perdure-position'));
    const body = parsed(text);
    if (response.ok && body !== NOT_JSON)
      return { reply: { value: body, position: response.headers.get('perdure-position') ?? undefined } };
    const problem: ProblemBody = typeof body === 'object' && body !== null ? body : {};
    return {
      isPassing: isPassing(response.status, problem),
      retryAfterMs: retryAfterMs(response),
      error: errorOf(response.status, problem),
    };
  }

  /** F4. */
  #request(asking: Asking, positions: Positions, leftMs: number) {
    const items = this.#options.baggage?.() ?? {};
    try {
      const headers = new Headers(this.#headers(asking, positions, items));
      const body = asking.body === undefined ? {} : { body: JSON.stringify(asking.body) };
      return { url: this.#url(asking, leftMs), init: { method: asking.method, headers, ...body } };
    } catch (cause) {
      if (isPerdureError(cause)) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new PerdureError('malformed-request', `no request can be made of it: ${why}`, undefined, { cause });
    }
  }

  #url(asking: Asking, leftMs: number): string {
    if (asking.waitParameter === undefined) return this.#base + asking.path;
    const separator = asking.path.includes('?') ? '&' : '?';
    return `${this.#base}${asking.path}${separator}${asking.waitParameter}=${Math.min(leftMs, MAX_WAIT_MS)}ms`;
  }

  #headers(asking: Asking, positions: Positions, items: Readonly<Record<string, string>>): Record<string, string> {
    const { apiKey } = this.#options;
    const travelling = baggageHeader(items);
    const { text } = positions;
    return {
      accept: 'application/json',
      ...asking.headers,
      ...(asking.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      ...(travelling === undefined ? {} : { baggage: travelling }),
      ...(text === undefined ? {} : { 'perdure-position': text }),
    };
  }
}

type Outcome = { readonly reply: Reply } | { readonly isPassing: boolean; readonly retryAfterMs: number; readonly error: Error };

const MAX_WAIT_MS = 300_000;
const NOT_JSON = Symbol('not JSON');

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return NOT_JSON; // an error page of something in between
  }
}

function lost(cause: unknown): PerdureError {
  const why = cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : String(cause);
  return new PerdureError('outcome-unknown', `the connection was lost before an answer came: ${why}`, undefined, { cause });
}

function retryAfterMs(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? 0);
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1_000) : 0;
}

function deadline(ms: number, signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(ms);
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
