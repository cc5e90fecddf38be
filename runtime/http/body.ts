import { isUtf8 } from 'node:buffer';
import { Unpackr } from 'msgpackr';
import { PerdureError } from '../core/errors.ts';
import { discardBody, type Exchange, MAX_DISCARD_BYTES } from './exchange.ts';
import { checkMsgpack, checkPlain } from './plain.ts';
import { malformed, problem } from './problem.ts';

/**
 * Reads and decodes request bodies within their limit.
 *
 * Invariants:
 * Y1. Never more than the limit is kept in memory; what is larger gets 413 after the rest was read and thrown away (A2).
 * Y2. A body that cannot be decoded is a `malformed-request` or an `unsupported-media-type`, never a defect.
 */

/** Calls `then` with the whole body, or answers 413, or 415 for a compressed one. A caller that goes away while it sends is forgotten. */
export function readBody(exchange: Exchange, maxBytes: number, then: (body: Buffer) => void): void {
  const { req } = exchange;
  const announced = Number(req.headers['content-length'] ?? 0);
  const coding = req.headers['content-encoding'];
  if (coding !== undefined && coding !== 'identity') {
    exchange.refuse(new PerdureError('unsupported-media-type', `content-encoding ${coding} is not understood; send the body as it is`));
    return;
  }
  if (announced > maxBytes) {
    discardBody(exchange, 0, () => exchange.problem(tooLarge(maxBytes)));
    return;
  }
  let first: Buffer | undefined;
  let rest: Buffer[] | undefined;
  let size = 0;
  req.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxBytes) {
      first = undefined;
      rest = undefined;
      if (size > MAX_DISCARD_BYTES && !exchange.res.headersSent) {
        exchange.res.setHeader('connection', 'close');
        req.pause();
        exchange.problem(tooLarge(maxBytes));
      }
    } else if (first === undefined) first = chunk;
    else if (rest === undefined) rest = [first, chunk];
    else rest.push(chunk);
  });
  req.on('end', () => {
    if (size > maxBytes) exchange.problem(tooLarge(maxBytes));
    else then(rest === undefined ? (first ?? EMPTY) : Buffer.concat(rest, size));
  });
}

const EMPTY = Buffer.alloc(0);

export function tooLarge(maxBytes: number) {
  return problem('payload-too-large', `the body is larger than ${maxBytes} bytes`);
}

const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

/** Decodes a body by its content type; no body at all is `undefined`. Throws `malformed-request` (Y2), `unsupported-media-type`. */
export function decodeBody(contentType: string | undefined, body: Buffer): unknown {
  if (body.length === 0) return undefined;
  if (contentType === 'application/json') return parseJson(body);
  switch (mediaType(contentType)) {
    case 'application/json':
      return parseJson(body);
    case 'application/msgpack':
    case 'application/x-msgpack':
    case 'application/vnd.msgpack':
      return unpackMsgpack(body);
    default:
      throw new PerdureError(
        'unsupported-media-type',
        `content-type ${contentType ?? '(none)'} is not understood; send application/json or application/msgpack`,
      );
  }
}

/** `application/json; charset=utf-8` -> `application/json`. Throws `unsupported-media-type` for another charset than UTF-8. */
export function mediaType(contentType: string | undefined): string | undefined {
  if (contentType === undefined) return undefined;
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  for (const parameter of parameters) {
    const [name, value = ''] = parameter.trim().split('=');
    if (name === 'charset' && value !== 'utf-8' && value !== '"utf-8"' && value !== 'utf8') {
      throw new PerdureError('unsupported-media-type', `charset ${value} is not understood; send UTF-8`);
    }
  }
  return type.trim();
}

/** Parses UTF-8 JSON and checks it. Throws `malformed-request` (Y2). */
export function parseJson(body: Buffer): unknown {
  if (!isUtf8(body)) malformed('the body is not UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch (error) {
    if (error instanceof SyntaxError) malformed(`the body is not JSON: ${error.message}`);
    throw error;
  }
  checkPlain(value);
  return value;
}

/** Decodes msgpack after checking it. Throws `malformed-request` (Y2). */
export function unpackMsgpack(body: Buffer): unknown {
  checkMsgpack(body);
  const value: unknown = unpackr.unpack(body);
  checkPlain(value);
  return value;
}
