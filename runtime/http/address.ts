/**
 * The base address under which this machine reaches a server that listens on `host`: an address for "any" is no address to call, and an IPv6 address
 * stands in brackets.
 */
export function urlOf(host: string, port: number): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (!host.includes(':')) return `http://${host}:${port}`;
  const bare = host.replace(/^\[|\]$/g, '');
  return `http://[${/^[0:]+$/.test(bare) ? '::1' : bare}]:${port}`;
}
