import { setTimeout as delay } from 'node:timers/promises';
import { get, type HttpAnswer, type HttpRequest, post } from './http.ts';

/**
 * A client that does not give up: what was not answered for certain is asked again, with the same key, until it is.
 *
 * Invariants:
 * P1. Only a final answer is handed out: no lost connection, no 503, no 504.
 * P2. A request is repeated as it was, so that its repetition is the same request.
 */
export class Patient {
  readonly #url: () => Promise<string>;
  #lost = 0;
  #joined = 0;

  /** `url` is the address of the node as it is now; while there is none, it is waited for. */
  constructor(url: () => Promise<string>) {
    this.#url = url;
  }

  /** Requests whose connection was lost before their answer. */
  get lost(): number {
    return this.#lost;
  }

  /** Requests that were told to come back, 503 or 504. */
  get joined(): number {
    return this.#joined;
  }

  /** `POST` of a path below `/v1`. */
  post(path: string, body: unknown, request: HttpRequest = {}): Promise<HttpAnswer> {
    return this.#final((url) => post(`${url}/v1/${path}`, body, request), path);
  }

  /** `GET` of a path below `/v1`. */
  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
    return this.#final((url) => get(`${url}/v1/${path}`, headers), path);
  }

  async #final(ask: (url: string) => Promise<HttpAnswer>, path: string): Promise<HttpAnswer> {
    for (let n = 0; n < MAX_TRIES; n += 1) {
      const url = await this.#url();
      const answer = await ask(url).catch(lost);
      if (answer === undefined) this.#lost += 1;
      else if (answer.status === 503 || answer.status === 504) this.#joined += 1;
      else return answer;
      await delay(PAUSE_MS);
    }
    throw new Error(`${path} had no final answer in ${MAX_TRIES} tries`);
  }
}

const MAX_TRIES = 400;
const PAUSE_MS = 25;

/** fetch fails with a TypeError when the connection is refused or ends early: nobody knows what became of the request. */
function lost(error: unknown): undefined {
  if (error instanceof TypeError) return undefined;
  throw error;
}
