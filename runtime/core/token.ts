import { base64urlOfJson } from './base64url.ts';
import type { Position } from './record.ts';

/**
 * The token of `perdure-position`: which change a reader wants to see. `{base64url of [storeId, type] as JSON}.{position in base 36}`; opaque to
 * callers, made by the edge and compared by the client. No Node API: a browser reads tokens too.
 */
export interface Token {
  readonly storeId: string;
  readonly type: string;
  readonly position: Position;
}

/** Characters of a header with tokens; a session remembers one per entity type. */
export const MAX_TOKENS_LENGTH = 8_192;

/** Makes tokens of one store. The part before the dot is made once per entity type, because every answer carries a token. */
export class TokenWriter {
  readonly #storeId: string;
  readonly #prefixes = new Map<string, string>();

  constructor(storeId: string) {
    this.#storeId = storeId;
  }

  /** The token for a position of an entity type's log. `type` is a registered one, so the map is bounded. */
  write(type: string, position: Position): string {
    let prefix = this.#prefixes.get(type);
    if (prefix === undefined) {
      prefix = `${base64urlOfJson(JSON.stringify([this.#storeId, type]))}.`;
      this.#prefixes.set(type, prefix);
    }
    return prefix + position.toString(36);
  }
}

const TEXT = /^([A-Za-z0-9_-]{1,1024})\.([0-9a-z]{1,11})$/;

/** Reads one token; undefined if it is not one. */
export function readToken(text: string): Token | undefined {
  const match = TEXT.exec(text);
  if (match === null) return undefined;
  const position = Number.parseInt(match[2] ?? '', 36);
  if (!Number.isSafeInteger(position) || position.toString(36) !== match[2]) return undefined;
  try {
    const pair: unknown = JSON.parse(atob((match[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')));
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== 'string' || typeof pair[1] !== 'string') return undefined;
    return { storeId: pair[0], type: pair[1], position };
  } catch {
    return undefined; // neither base64 nor JSON: some other text that looks like a token
  }
}
