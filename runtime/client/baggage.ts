import { PerdureError } from '../core/errors.ts';

/** A W3C token: what the name of a member may be. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;

/**
 * The header of W3C Baggage, undefined if there is nothing in it. Throws `malformed-request` for a name that would be read otherwise, and
 * URIError for half of a surrogate pair.
 */
export function baggageHeader(items: Readonly<Record<string, string>>): string | undefined {
  const members = Object.entries(items).map(([name, value]) => {
    if (!NAME.test(name))
      throw new PerdureError('malformed-request', `'${name}' is no name of baggage: 1 to 256 ASCII letters, digits or -_.~ …`);
    return `${name}=${encodeURIComponent(value)}`;
  });
  return members.length === 0 ? undefined : members.join(',');
}
