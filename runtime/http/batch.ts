import { randomUUID } from 'node:crypto';
import type { Answer } from '../core/answer.ts';
import { LIMITS } from '../core/limits.ts';
import type { MessageContext } from '../core/turn/input.ts';
import type { Delivery } from '../ports/signal-bus.ts';
import type { BatchForm } from './batch-form.ts';
import type { Edge } from './edge.ts';
import { problemOfAnswer } from './edge-delivery.ts';
import type { Exchange } from './exchange.ts';
import { checkEntityId, checkSignalId } from './names.ts';
import { HttpProblem, malformed, type Problem, problem, problemOf } from './problem.ts';

/**
 * One batch of signals under way: lines in, a result per line out.
 *
 * Invariants:
 * N1. Results come in the order of the lines, one for each, whatever the order in which the host answers.
 * N2. At most `MAX_IN_FLIGHT` lines are between input and output; then, or when the caller does not read its results, no more is taken.
 * N3. A line that is wrong gets a problem; the lines after it go on. Only what makes the rest unreadable ends the batch, with a last result.
 * N4. Signals of one entity are delivered in the order of their lines.
 * N5. A caller that goes away stops the intake; what was delivered goes on.
 */
export const MAX_IN_FLIGHT = 1_024;

/** Where lines come from. `next` is asked only when there is room (N2). */
export interface LineSource {
  next(): Line | 'wait' | 'end';
  /** Number of lines, if it is known before. */
  readonly count: number;
  /** Told whether there is room for more. */
  flow(wanted: boolean): void;
  /** Nothing more is taken: what still comes in is thrown away. */
  stop(): void;
}

/** A decoded line, or what is wrong with it; `last`: nothing after it can be understood. */
export type Line = { readonly value: unknown; readonly bytes: number } | { readonly error: unknown; readonly last: boolean };

export class Batch {
  readonly #edge: Edge;
  readonly #exchange: Exchange;
  readonly #source: LineSource;
  readonly #form: BatchForm;
  readonly #context: MessageContext | undefined;
  /** Results by line, modulo MAX_IN_FLIGHT; undefined until they are there. */
  readonly #results: (object | undefined)[] = new Array<object | undefined>(MAX_IN_FLIGHT).fill(undefined);
  #taken = 0;
  #written = 0;
  #isOver = false;
  #flushIsDue = false;

  constructor(edge: Edge, exchange: Exchange, source: LineSource, form: BatchForm, context: MessageContext | undefined) {
    this.#edge = edge;
    this.#exchange = exchange;
    this.#source = source;
    this.#form = form;
    this.#context = context;
  }

  start(): void {
    const { res } = this.#exchange;
    res.on('close', () => {
      this.#end(); // N5
    });
    res.on('drain', () => this.pump());
    res.writeHead(200, { 'content-type': this.#form.contentType });
    res.write(this.#form.open(this.#source.count));
    this.pump();
  }

  /** Takes lines while there is room. Called again when there are more bytes or more room. */
  pump(): void {
    while (!this.#isOver && this.#hasRoom) {
      const line = this.#source.next();
      if (line === 'wait') break;
      if (line === 'end') this.#end();
      else this.#take(line);
    }
    if (this.#isOver) this.#flushSoon();
    else this.#source.flow(this.#hasRoom);
  }

  #end(): void {
    this.#isOver = true;
    this.#source.stop();
  }

  get #hasRoom(): boolean {
    return this.#taken - this.#written < MAX_IN_FLIGHT && !this.#exchange.res.writableNeedDrain;
  }

  #take(line: Line): void {
    const index = this.#taken;
    this.#taken += 1;
    if ('error' in line) {
      if (line.last) this.#end();
      this.settle(index, problemOfLine(line.error, this.#exchange));
    } else if (index >= LIMITS.maxBatchLines) {
      this.#end();
      this.settle(index, problem('payload-too-large', `a batch has at most ${LIMITS.maxBatchLines} lines`));
    } else this.#deliver(index, line.value, line.bytes);
  }

  #deliver(index: number, value: unknown, bytes: number): void {
    try {
      this.#edge.signals.publish(new BatchDelivery(this, index, messageOf(value), bytes, this.#context));
    } catch (error) {
      this.settle(index, problemOfLine(error, this.#exchange));
    }
  }

  /** The result of a line. */
  settle(index: number, result: object): void {
    this.#results[index % MAX_IN_FLIGHT] = result;
    this.#flushSoon();
  }

  answered(answer: Answer, delivery: BatchDelivery): void {
    const { signalId } = delivery;
    if (answer.kind === 'done') {
      const position = this.#edge.tokens.write(delivery.type, answer.position);
      this.settle(delivery.index, { status: 202, signalId: answer.first ?? signalId, position });
    } else this.settle(delivery.index, { ...problemOfAnswer(answer), signalId });
  }

  /** Results of one tick are written together. */
  #flushSoon(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#flushIsDue = false;
    const { res } = this.#exchange;
    if (res.destroyed || res.writableEnded) return;
    res.cork();
    for (let result = this.#nextResult(); result !== undefined; result = this.#nextResult()) {
      this.#results[this.#written % MAX_IN_FLIGHT] = undefined;
      res.write(this.#piece(result));
      this.#written += 1;
    }
    const ends = this.#isOver && this.#written === this.#taken;
    if (ends) {
      res.end(this.#form.close());
      this.#exchange.times.observe(200, performance.now() - this.#exchange.startedMs);
    }
    res.uncork();
    if (!this.#isOver) this.pump();
  }

  #nextResult(): object | undefined {
    return this.#written < this.#taken ? this.#results[this.#written % MAX_IN_FLIGHT] : undefined;
  }

  #piece(result: object): string | Buffer {
    try {
      return this.#form.item(result, this.#written);
    } catch (error) {
      return this.#form.item(problemOfLine(error, this.#exchange), this.#written); // details that JSON does not hold
    }
  }
}

export class BatchDelivery implements Delivery {
  readonly kind = 'signal';
  readonly type: string;
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
  readonly wants = 'durability';
  readonly signalId: string;
  readonly idChosen: boolean;
  readonly mark = undefined;
  readonly context: MessageContext | undefined;
  readonly bytes: number;
  readonly done = answered;
  state: Delivery['state'] = 'waiting';
  readonly batch: Batch;
  readonly index: number;

  constructor(batch: Batch, index: number, message: BatchMessage, bytes: number, context: MessageContext | undefined) {
    this.type = message.type;
    this.id = message.id;
    this.name = message.name;
    this.payload = message.payload;
    this.signalId = message.signalId ?? randomUUID();
    this.idChosen = message.signalId !== undefined;
    this.context = context;
    this.bytes = bytes;
    this.batch = batch;
    this.index = index;
  }
}

function answered(answer: Answer, delivery: Delivery): void {
  if (delivery instanceof BatchDelivery) delivery.batch.answered(answer, delivery);
}

interface BatchMessage {
  readonly type: string;
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
  readonly signalId: string | undefined;
}

const FIELDS = ['type', 'id', 'name', 'payload', 'signalId'];

/** A line as a message. A misspelt field is refused: a lost `signalId` would be a lost promise. Throws `malformed-request`. */
function messageOf(value: unknown): BatchMessage {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return malformed('a line is an object {type, id, name, payload?, signalId?}');
  }
  for (const key of Object.keys(value)) {
    if (!FIELDS.includes(key)) malformed(`a line has no field ${key} (it has ${FIELDS.join(', ')})`);
  }
  const { type, id, name, payload = {}, signalId } = value as Readonly<Record<string, unknown>>;
  if (typeof type !== 'string' || typeof id !== 'string' || typeof name !== 'string') {
    return malformed('type, id and name of a line are texts');
  }
  if (signalId !== undefined && typeof signalId !== 'string') return malformed('the signalId of a line is a text');
  checkEntityId(id);
  if (signalId !== undefined) checkSignalId(signalId, 'a signalId');
  return { type, id, name, payload, signalId };
}

function problemOfLine(error: unknown, exchange: Exchange): Problem {
  if (error instanceof HttpProblem) return error.problem;
  const known = problemOf(error);
  if (known !== undefined) return known;
  exchange.log.error({ err: error }, 'a line of a batch failed at the edge');
  return problem('invariant-violated');
}
