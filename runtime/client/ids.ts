/** A new signal id: 128 random bits, 32 hexadecimal digits. */
export function signalId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
