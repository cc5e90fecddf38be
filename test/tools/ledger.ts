import { field, post } from './http.ts';

/** What a client sends: one message with the key that makes its repetition harmless. */
export interface Message {
  readonly key: string;
  readonly type: string;
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
}

/** One request: an update or a signal of one message, or a batch of signals as NDJSON. */
export interface Request {
  readonly shape: 'update' | 'signal' | 'batch';
  readonly messages: readonly Message[];
}

/** The first final answer to a key: accepted (2xx) or rejected by the entity. */
export interface Answer {
  readonly accepted: boolean;
  readonly shape: Request['shape'];
  readonly result?: unknown;
  readonly revision?: unknown;
  readonly code?: unknown;
}

/**
 * What a set of clients remembers of what it sent: the other side's account, to compare the node with.
 *
 * Invariants:
 * L1. A key stands for one message for ever; a request without a final answer is repeated as it is.
 * L2. Only an answer that was read whole counts as given.
 */
export class Ledger {
  readonly sent = new Map<string, Message>();
  readonly answers = new Map<string, Answer>();
  /** Requests whose outcome the clients do not know. */
  readonly unsettled: Request[] = [];
  /** Answers that differ from the first one given to their key. */
  readonly contradictions: string[] = [];

  get accepted(): number {
    let count = 0;
    for (const { accepted } of this.answers.values()) if (accepted) count += 1;
    return count;
  }

  /** Sends a request and notes what came of it. False if its outcome is unknown (it is kept in `unsettled`). */
  async send(url: string, request: Request): Promise<boolean> {
    for (const message of request.messages) this.sent.set(message.key, message);
    const answers = await answersOf(url, request);
    let isSettled = true;
    for (const [n, message] of request.messages.entries()) {
      const answer = answers?.[n];
      if (answer === undefined) isSettled = false;
      else this.#note(message, answer);
    }
    if (!isSettled) this.unsettled.push(request);
    return isSettled;
  }

  /** Sends every accepted message again, each alone and in the way it was sent first; differences are `contradictions`. */
  async repeatAccepted(url: string, progress: (repeated: number) => void = () => {}): Promise<number> {
    let repeated = 0;
    const all = [...this.answers].filter(([, { accepted }]) => accepted);
    for (let n = 0; n < all.length; n += 64) {
      const some = all.slice(n, n + 64);
      const settled = await Promise.all(some.map(([key, { shape }]) => this.send(url, { shape, messages: [this.messageOf(key)] })));
      repeated += settled.filter(Boolean).length;
      progress(repeated);
    }
    return repeated;
  }

  messageOf(key: string): Message {
    const message = this.sent.get(key);
    if (message === undefined) throw new Error(`no message was sent under ${key}`);
    return message;
  }

  #note({ key }: Message, answer: Answer): void {
    const first = this.answers.get(key);
    if (first === undefined) this.answers.set(key, answer);
    else if (first.accepted && JSON.stringify(first) !== JSON.stringify(answer)) {
      this.contradictions.push(`${key}: first ${JSON.stringify(first)}, then ${JSON.stringify(answer)}`);
    }
  }
}

/** An answer per message; none where it was not read whole. */
async function answersOf(url: string, { shape, messages }: Request): Promise<readonly (Answer | undefined)[]> {
  const [first] = messages;
  if (shape === 'batch') return batchAnswers(url, messages);
  if (first === undefined) return [];
  const { type, id, name, payload, key } = first;
  const answer = await post(`${url}/v1/entities/${type}/${id}/${shape}s/${name}`, payload, { key }).catch(lost);
  return answer === undefined ? [] : [answerOf(shape, answer.status, answer.body)];
}

/** fetch fails with a TypeError when the connection is refused or ends early: nobody knows what became of the request. */
function lost(error: unknown): undefined {
  if (error instanceof TypeError) return undefined;
  throw error;
}

async function batchAnswers(url: string, messages: readonly Message[]): Promise<readonly (Answer | undefined)[]> {
  const lines = messages.map(({ key, ...message }) => JSON.stringify({ ...message, signalId: key }));
  const headers = { 'content-type': 'application/x-ndjson' };
  const answer = await post(`${url}/v1/signals`, lines.join('\n'), { headers }).catch(lost);
  if (answer === undefined) return [];
  const { status, body } = answer;
  if (status !== 200) throw new Error(`unexpected answer ${status}: ${JSON.stringify(body)}`);
  const texts = typeof body === 'string' ? body.trimEnd().split('\n') : [JSON.stringify(body)];
  return texts.map((text) => {
    const result: unknown = JSON.parse(text);
    return answerOf('batch', Number(field(result, 'status')), result);
  });
}

/** A final answer, or undefined for one that says nothing for certain. Throws for what a correct client must never see. */
function answerOf(shape: Request['shape'], status: number, body: unknown): Answer | undefined {
  if (status === 200 || status === 202) return { accepted: true, shape, result: field(body, 'result'), revision: field(body, 'revision') };
  if (typeof field(body, 'by') === 'string') return { accepted: false, shape, code: field(body, 'code') };
  if (status === 503 || status === 504) return undefined;
  throw new Error(`unexpected answer ${status}: ${JSON.stringify(body)}`);
}
