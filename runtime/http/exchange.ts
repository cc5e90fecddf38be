import type { IncomingMessage, ServerResponse } from 'node:http';
import { pack } from 'msgpackr';
import { type HttpProblem, type Problem, problem, problemOf, retryAfterS } from './problem.ts';
import type { RouteTimes } from './route-times.ts';

/**
 * One request and its answer, below fastify's reply: what is answered in a tick for many requests at once is written straight to the response.
 *
 * Invariants:
 * A1. A request is answered once; a second answer is dropped (its caller is gone or has timed out).
 * A2. A body that was not read to its end is read and discarded, so that the caller gets to read its answer; above `MAX_DISCARD_BYTES` the
 *     connection is closed instead.
 */
export const MAX_DISCARD_BYTES = 32 * 1024 * 1024;

const JSON_TYPE = 'application/json; charset=utf-8';
const MSGPACK_TYPE = 'application/msgpack';

export interface EdgeLog {
  error(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly times: RouteTimes;
  readonly log: EdgeLog;
  readonly startedMs: number;

  constructor(req: IncomingMessage, res: ServerResponse, times: RouteTimes, log: EdgeLog) {
    this.req = req;
    this.res = res;
    this.times = times;
    this.log = log;
    this.startedMs = performance.now();
  }

  /** Did the caller ask for msgpack: by `accept`, or without it by sending msgpack? */
  get wantsMsgpack(): boolean {
    const { accept, 'content-type': contentType } = this.req.headers;
    if (accept === undefined || accept === '*/*') return contentType?.startsWith(MSGPACK_TYPE) === true;
    return accept.includes(MSGPACK_TYPE);
  }

  /** Answers with a value in the form that the caller asked for. */
  value(status: number, value: unknown, token?: string): void {
    if (this.wantsMsgpack) this.write(status, MSGPACK_TYPE, pack(value), token);
    else this.json(status, value === undefined ? 'null' : JSON.stringify(value), token);
  }

  /** Answers with JSON text. */
  json(status: number, text: string, token?: string): void {
    this.write(status, JSON_TYPE, text, token);
  }

  write(status: number, contentType: string, body: string | Buffer, token?: string): void {
    if (this.res.headersSent) return;
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    this.res.writeHead(
      status,
      token === undefined
        ? { 'content-type': contentType, 'content-length': length }
        : { 'content-type': contentType, 'content-length': length, 'perdure-position': token },
    );
    this.res.end(body);
    this.times.observe(status, performance.now() - this.startedMs);
  }

  /** Answers with a problem, always as JSON. */
  problem(what: Problem, token?: string): void {
    if (this.res.headersSent) return;
    const retry = retryAfterS(what.code);
    if (retry !== undefined && what.by === undefined) this.res.setHeader('retry-after', retry);
    if (what.status === 401) this.res.setHeader('www-authenticate', 'Bearer');
    this.write(what.status, 'application/problem+json; charset=utf-8', JSON.stringify(what), token);
  }

  /** Answers with what an error means; a bug is logged and answered without its text. */
  fail(error: unknown): void {
    const known = problemOf(error);
    if (known === undefined) {
      this.log.error({ err: error, method: this.req.method, url: withoutSecret(this.req.url) }, 'a request failed at the edge');
      this.problem(problem('invariant-violated'));
    } else this.problem(known);
  }

  /** As `fail`, for a request whose body may not have been read (A2). */
  refuse(error: HttpProblem | Error): void {
    discardBody(this, 0, () => this.fail(error));
  }
}

/** A path as it may stand in a log: the token of a callback is a credential. */
function withoutSecret(url: string | undefined): string | undefined {
  return url?.replace(/^(\/v1\/callbacks\/)[^?]+/, '$1…');
}

/** Reads the rest of a body and throws it away, then calls `then` (A2). `alreadyRead` is in bytes. */
export function discardBody(exchange: Exchange, alreadyRead: number, then: () => void): void {
  const { req, res } = exchange;
  const announced = Number(req.headers['content-length'] ?? 0);
  if (announced > MAX_DISCARD_BYTES) {
    res.setHeader('connection', 'close');
    then();
    return;
  }
  if (req.complete && req.readableEnded) {
    then();
    return;
  }
  let read = alreadyRead;
  let done = false;
  const finish = () => {
    if (done) return;
    done = true;
    then();
  };
  req.on('data', (chunk: Buffer) => {
    read += chunk.length;
    if (read <= MAX_DISCARD_BYTES || done) return;
    res.setHeader('connection', 'close');
    req.pause();
    finish();
  });
  req.on('end', finish);
  req.resume();
}
