import { randomUUID } from 'node:crypto';
import type { Answer } from '../core/answer.ts';
import type { MessageContext } from '../core/turn/input.ts';
import type { Delivery } from '../ports/signal-bus.ts';
import { Expiring } from './deadlines.ts';
import type { Edge } from './edge.ts';
import type { Exchange } from './exchange.ts';
import { checkHeaderSignalId } from './names.ts';
import { malformed, type Problem, problem, rejection } from './problem.ts';

/**
 * A signal or update that came over HTTP, until its response is written.
 *
 * Invariants:
 * G1. The response is written when the host calls `done`, or when the deadline has passed and the host gave the delivery back or kept it.
 * G2. Nothing that happens while a response is written reaches the host's tick.
 * G3. A `once` signal that was accepted before is answered with the id it was accepted under: that of the run that has the outcome.
 */
export class EdgeDelivery extends Expiring implements Delivery {
  readonly kind = 'signal';
  readonly type: string;
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
  readonly wants: 'durability' | 'outcome';
  readonly signalId: string;
  readonly idChosen: boolean;
  readonly mark = undefined;
  readonly context: MessageContext | undefined;
  readonly bytes: number;
  readonly done = answered;
  state: Delivery['state'] = 'waiting';
  readonly edge: Edge;
  readonly exchange: Exchange;

  constructor(edge: Edge, exchange: Exchange, to: Addressed, wants: Delivery['wants'], body: Body) {
    super();
    const key = signalIdOf(exchange);
    this.type = to.type;
    this.id = to.id;
    this.name = to.name;
    this.payload = body.payload;
    this.wants = wants;
    this.signalId = key ?? randomUUID();
    this.idChosen = key !== undefined;
    this.context = body.context;
    this.bytes = body.bytes;
    this.edge = edge;
    this.exchange = exchange;
  }

  /** The caller's time is up: taken back, it never happens; taken by the host, it goes on. */
  override expired(): void {
    const code = this.edge.host.withdraw(this) ? 'withdrawn' : 'update-timeout';
    this.exchange.problem({ ...problem(code), signalId: this.signalId });
  }
}

export interface Addressed {
  readonly type: string;
  readonly id: string;
  readonly name: string;
}

interface Body {
  readonly payload: unknown;
  readonly context: MessageContext | undefined;
  readonly bytes: number;
}

/** The `Idempotency-Key`, checked; undefined if there is none. Throws `malformed-request`. */
function signalIdOf(exchange: Exchange): string | undefined {
  const key = exchange.req.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string') return malformed('Idempotency-Key is given more than once');
  checkHeaderSignalId(key);
  // Node joins a repeated header with a comma, which would pass for one key.
  if (key.includes(', ') && occurrences(exchange.req.rawHeaders, 'idempotency-key') > 1)
    malformed('Idempotency-Key is given more than once');
  return key;
}

function occurrences(rawHeaders: readonly string[], name: string): number {
  let count = 0;
  for (let n = 0; n < rawHeaders.length; n += 2) if (rawHeaders[n]?.toLowerCase() === name) count += 1;
  return count;
}

/** One function for every delivery: the host calls it for a whole tick's answers. */
function answered(answer: Answer, delivery: Delivery): void {
  if (!(delivery instanceof EdgeDelivery)) return;
  const { edge, exchange } = delivery;
  edge.deadlines.remove(delivery);
  try {
    if (answer.kind === 'done') writeDone(answer, delivery);
    else if (answer.kind === 'rejected') exchange.problem(problemOfAnswer(answer), edge.tokens.write(delivery.type, answer.position));
    else exchange.problem(withSignalId(problemOfAnswer(answer), delivery.signalId));
  } catch (error) {
    exchange.fail(error); // G2
  }
}

function writeDone(answer: Extract<Answer, { kind: 'done' }>, delivery: EdgeDelivery): void {
  const { exchange } = delivery;
  const { first: signalId = delivery.signalId } = answer;
  const token = delivery.edge.tokens.write(delivery.type, answer.position);
  if (delivery.wants === 'durability') {
    if (exchange.wantsMsgpack) exchange.value(202, { signalId, position: token }, token);
    else exchange.json(202, `{"signalId":${JSON.stringify(signalId)},"position":"${token}"}`, token);
    return;
  }
  const { result = null, revision } = answer;
  if (exchange.wantsMsgpack) exchange.value(200, { result, revision, position: token }, token);
  else exchange.json(200, `{"result":${JSON.stringify(result)},"revision":${revision},"position":"${token}"}`, token);
}

/** The problem that a "no" or a failure is answered with. */
export function problemOfAnswer(answer: Exclude<Answer, { kind: 'done' }>): Problem {
  if (answer.kind === 'rejected') return rejection(answer.code, answer.details, answer.by, answer.message);
  return problem(answer.code, answer.message, answer.details);
}

/** Answers that ask to repeat the message say with which id. */
function withSignalId(what: Problem, signalId: string): Problem {
  return what.status === 503 || what.status === 504 ? { ...what, signalId } : what;
}
