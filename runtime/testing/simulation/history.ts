import type { Answer } from '../../core/answer.ts';
import type { SourceMark } from '../../core/record.ts';
import type { EntityView } from '../../host/surface.ts';

/** What a simulated client or source asks for. */
export interface Wish {
  /** Who sends: a client or a source. What one sender sends to one entity is in order. */
  readonly from: string;
  /** Place among what `from` sends, from 1. */
  readonly number: number;
  readonly type: string;
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
  readonly wants: 'durability' | 'outcome';
  /** Idempotency key; without one (and without a mark) it is sent once and never repeated. */
  readonly key?: string;
  readonly mark?: SourceMark;
}

/** One delivery of a request to one node, and what was told. Times are virtual. */
export interface Attempt {
  readonly node: string;
  /** The key of the request, or the id that was made for it. */
  readonly signalId: string;
  readonly atMs: number;
  /** Number of requests this sender had already seen answered: what this attempt must not contradict. */
  readonly answers: Answer[];
  toldMs: number | undefined;
  /** The sender took it back: true, it had not been taken; false, it goes on. */
  withdrawn: boolean | undefined;
  /** The node crashed (or was stopped) before it answered. */
  nodeEnded: 'crashed' | 'stopped' | undefined;
}

/** A request with all its attempts; `final` is what its sender took for the end of it. */
export interface Request extends Wish {
  readonly attempts: Attempt[];
  final: Answer | undefined;
  /** Sent together with others of which some had to be repeated: their order is nobody's promise any more. */
  unordered: boolean;
}

/** A read with a token, and what it showed. */
export interface TokenRead {
  readonly projection: string;
  readonly type: string;
  readonly id: string;
  /** Revision and position of the acknowledged change. */
  readonly revision: number;
  readonly position: number;
  readonly row: unknown;
}

/** What a node showed of an entity while others were at work. */
export interface Look {
  readonly node: string;
  readonly view: EntityView;
}

/** What the outside world did and was told. */
export class History {
  readonly requests: Request[] = [];
  readonly reads: TokenRead[] = [];
  readonly looks: Look[] = [];

  add(wish: Wish): Request {
    const request: Request = { ...wish, attempts: [], final: undefined, unordered: false };
    this.requests.push(request);
    return request;
  }
}
