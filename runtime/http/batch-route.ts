import { LIMITS } from '../core/limits.ts';
import { Batch, type Line, type LineSource } from './batch.ts';
import { JSON_ARRAY, MSGPACK_ARRAY, NDJSON } from './batch-form.ts';
import { LineCutter } from './batch-lines.ts';
import { decodeBody, mediaType, parseJson, readBody, tooLarge } from './body.ts';
import { contextOf } from './context.ts';
import type { Edge } from './edge.ts';
import { discardBody, MAX_DISCARD_BYTES } from './exchange.ts';
import { onlyParameters } from './parameters.ts';
import { HttpProblem, malformed, problem } from './problem.ts';
import type { Asked, Routes } from './routes.ts';

/** `POST /v1/signals`: an array (JSON or msgpack), or NDJSON that is answered while it comes in. */
export function batchRoutes(edge: Edge, routes: Routes): void {
  routes.add('POST', '/v1/signals', (asked) => {
    try {
      onlyParameters(asked.query, []);
      const type = mediaType(asked.exchange.req.headers['content-type']);
      if (type !== undefined && NDJSON_TYPES.includes(type)) streamed(edge, asked);
      else whole(edge, asked);
    } catch (error) {
      discardBody(asked.exchange, 0, () => asked.exchange.fail(error));
    }
  });
}

/** Bytes of one batch request. */
export const MAX_BATCH_BYTES = 16 * 1024 * 1024;
const NDJSON_TYPES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl', 'application/x-jsonlines'];

function whole(edge: Edge, { exchange }: Asked): void {
  readBody(exchange, Math.max(MAX_BATCH_BYTES, edge.config.maxBodyBytes), (body) => {
    try {
      const { headers } = exchange.req;
      const items = decodeBody(headers['content-type'], body);
      if (!Array.isArray(items)) return malformed('a batch is an array of {type, id, name, payload?, signalId?}');
      if (items.length > LIMITS.maxBatchLines) {
        throw new HttpProblem(
          problem('payload-too-large', `a batch has at most ${LIMITS.maxBatchLines} lines, this one has ${items.length}`),
        );
      }
      const bytes = Math.ceil(body.length / Math.max(items.length, 1));
      const form = exchange.wantsMsgpack ? MSGPACK_ARRAY : JSON_ARRAY;
      new Batch(edge, exchange, new ArraySource(items, bytes), form, contextOf(headers)).start();
    } catch (error) {
      exchange.fail(error);
    }
  });
}

class ArraySource implements LineSource {
  readonly count: number;
  readonly #items: readonly unknown[];
  /** Of a line on average, for the limits of mailboxes. */
  readonly #bytes: number;
  #at = 0;

  constructor(items: readonly unknown[], bytes: number) {
    this.count = items.length;
    this.#items = items;
    this.#bytes = bytes;
  }

  next(): Line | 'end' {
    if (this.#at === this.count) return 'end';
    const value = this.#items[this.#at];
    this.#at += 1;
    return { value, bytes: this.#bytes };
  }

  flow(): void {} // everything is in memory already
  stop(): void {}
}

function streamed(edge: Edge, { exchange }: Asked): void {
  const { req } = exchange;
  if (Number(req.headers['content-length'] ?? 0) > MAX_BATCH_BYTES) {
    discardBody(exchange, 0, () => exchange.problem(tooLarge(MAX_BATCH_BYTES)));
    return;
  }
  const context = contextOf(req.headers);
  const source = new StreamSource(edge.config.maxBodyBytes, (wanted) => (wanted ? req.resume() : req.pause()));
  const batch = new Batch(edge, exchange, source, NDJSON, context);
  req.on('data', (chunk: Buffer) => {
    if (!source.push(chunk)) req.destroy(); // far beyond every limit, and told so long ago
    batch.pump();
  });
  req.on('end', () => {
    source.end();
    batch.pump();
  });
  batch.start();
}

/** Lines of a request as it comes in. What follows a line that ends the batch is read and thrown away, so that the caller can read why. */
class StreamSource implements LineSource {
  readonly count = 0;
  readonly flow: (wanted: boolean) => void;
  readonly #lines: LineCutter;
  #size = 0;
  #isClosed = false;

  constructor(maxLineBytes: number, flow: (wanted: boolean) => void) {
    this.#lines = new LineCutter(maxLineBytes);
    this.flow = flow;
  }

  /** False when more came than is even thrown away. */
  push(chunk: Buffer): boolean {
    this.#size += chunk.length;
    if (!this.#isClosed) this.#lines.push(chunk);
    return this.#size <= MAX_DISCARD_BYTES;
  }

  end(): void {
    this.#lines.end();
  }

  next(): Line | 'wait' | 'end' {
    if (this.#size > MAX_BATCH_BYTES) return this.#close(tooLarge(MAX_BATCH_BYTES));
    const line = this.#lines.next();
    if (line === 'wait' || line === 'end') return line;
    if (line === 'too-long') return this.#close(problem('payload-too-large', 'a line is larger than the limit of a body'));
    try {
      return { value: parseJson(line), bytes: line.length };
    } catch (error) {
      return { error, last: false };
    }
  }

  stop(): void {
    this.#isClosed = true;
    this.flow(true);
  }

  #close(what: ReturnType<typeof problem>): Line {
    return { error: new HttpProblem(what), last: true };
  }
}
