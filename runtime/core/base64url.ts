/** JSON as base64url without padding (RFC 4648, section 5). What is not ASCII in it is escaped first, so that every character is one byte. No Node API. */
export function base64urlOfJson(json: string): string {
  const ascii = json.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return btoa(ascii).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
