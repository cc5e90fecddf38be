import type { IncomingHttpHeaders } from 'node:http';
import { MAX_TOKENS_LENGTH, readToken, type Token } from '../core/token.ts';
import type { MessageContext } from '../core/turn/input.ts';
import { malformed } from './problem.ts';

/** Headers that travel with a message: trace parent, baggage, tokens. */

/** Version 255 and ids of zeros only are what the W3C calls invalid. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
/** Bounds of W3C baggage. */
const MAX_BAGGAGE_LENGTH = 8_192;
const MAX_BAGGAGE_ITEMS = 64;

/** What travels with a message beside its payload; undefined if nothing does. Throws `malformed-request` for baggage over its bounds. */
export function contextOf(headers: IncomingHttpHeaders): MessageContext | undefined {
  const { traceparent, baggage } = headers;
  if (traceparent === undefined && baggage === undefined) return undefined;
  // A trace parent that is not valid is ignored, as W3C Trace Context asks: tracing must never fail a request.
  const trace = typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : undefined;
  const items = typeof baggage === 'string' ? baggageOf(baggage) : undefined;
  if (trace === undefined && items === undefined) return undefined;
  return { ...(trace === undefined ? {} : { traceparent: trace }), ...(items === undefined ? {} : { baggage: items }) };
}

const BAGGAGE_KEY = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;

/** Decodes W3C baggage; properties behind `;` are dropped. Throws `malformed-request`. */
function baggageOf(text: string): Readonly<Record<string, string>> | undefined {
  if (text.length > MAX_BAGGAGE_LENGTH) malformed(`baggage has at most ${MAX_BAGGAGE_LENGTH} characters`);
  const members = text.split(',').filter((member) => member.trim() !== '');
  if (members.length > MAX_BAGGAGE_ITEMS) malformed(`baggage has at most ${MAX_BAGGAGE_ITEMS} members`);
  if (members.length === 0) return undefined;
  const items: Record<string, string> = {};
  for (const member of members) {
    const pair = member.split(';', 1)[0] ?? '';
    const cut = pair.indexOf('=');
    const key = pair.slice(0, cut).trim();
    if (cut < 0 || !BAGGAGE_KEY.test(key) || key === '__proto__') malformed('baggage is key=value, separated by commas');
    items[key] = percentDecoded(pair.slice(cut + 1).trim(), 'baggage');
  }
  return items;
}

function percentDecoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return malformed(`${what} has bad percent-encoding`);
  }
}

/**
 * The tokens of `perdure-position`: one, or one per entity type separated by commas. Throws `malformed-request` for text that is none, and for
 * a token of another store: its positions mean nothing here, and waiting for them would wait for ever or not at all.
 */
export function tokensOf(headers: IncomingHttpHeaders, storeId: string): readonly Token[] {
  const header = headers['perdure-position'];
  if (header === undefined || header === '') return NONE;
  if (typeof header !== 'string' || header.length > MAX_TOKENS_LENGTH) {
    return malformed(`perdure-position has at most ${MAX_TOKENS_LENGTH} characters`);
  }
  return header.split(',').map((text) => {
    const token = readToken(text.trim());
    if (token === undefined) return malformed('perdure-position is not a token of this runtime');
    if (token.storeId !== storeId) {
      return malformed('perdure-position is a token of another store; its positions mean nothing here. Send the request without it.');
    }
    return token;
  });
}

const NONE: readonly Token[] = [];
