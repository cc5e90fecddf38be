import { expect } from 'vitest';
import { isPerdureError } from '../../../runtime/core/errors.ts';

/** Expects `invalid-definition` with a message that names what is wrong. */
export function expectInvalid(define: () => unknown, named: RegExp): void {
  let thrown: unknown;
  try {
    define();
  } catch (error) {
    thrown = error;
  }
  expect(isPerdureError(thrown, 'invalid-definition'), String(thrown)).toBe(true);
  expect((thrown as Error).message).toMatch(named);
}
