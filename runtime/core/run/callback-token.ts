import { base64urlOfJson } from '../base64url.ts';

/**
 * The token of a callback: where it belongs, and a secret that only the run's seed gives away. Letters, digits, `-`, `_` and one dot, so that it may stand in
 * a link. No Node API.
 */
export interface CallbackAddress {
  readonly type: string;
  readonly id: string;
  readonly run: string;
  readonly call: number;
}

/** Characters of a token at most: an entity id and a signal id of their longest, escaped. */
export const MAX_CALLBACK_TOKEN_LENGTH = 8_192;

/** The token for a callback. */
export function writeCallbackToken({ type, id, run, call }: CallbackAddress, secret: string): string {
  return `${base64urlOfJson(JSON.stringify([type, id, run, call]))}.${secret}`;
}

/** What a token says, undefined for anything that `writeCallbackToken` cannot have made. Whether its secret is right, the run knows. */
export function readCallbackToken(token: string): { readonly address: CallbackAddress; readonly secret: string } | undefined {
  if (token.length > MAX_CALLBACK_TOKEN_LENGTH) return undefined;
  const [place = '', secret = '', ...rest] = token.split('.');
  if (rest.length > 0 || secret === '' || !/^[\w-]+$/.test(place)) return undefined;
  try {
    const parts: unknown = JSON.parse(atob(place.replaceAll('-', '+').replaceAll('_', '/')));
    if (!Array.isArray(parts)) return undefined;
    const [type, id, run, call] = parts as readonly unknown[];
    if (typeof type !== 'string' || typeof id !== 'string' || typeof run !== 'string' || typeof call !== 'number') return undefined;
    return { address: { type, id, run, call }, secret };
  } catch {
    // Not base64 of JSON: not a token.
    return undefined;
  }
}

/** What the secret of a callback is the digest of. */
export function secretText(seed: string, run: string, call: number): string {
  return `callback/${seed}/${run}/${call}`;
}
