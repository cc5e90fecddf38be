import { expect, test } from 'vitest';
import { loggedError } from '../../../runtime/logged-error.ts';

const trap = () => {
  throw new Error('trap');
};

test('a log never throws, whatever user code threw', () => {
  const unreadable = Object.defineProperty(new Error('x'), 'message', { get: trap });
  const proxies = [new Proxy({}, { get: trap }), new Proxy(new Error('x'), { get: trap, getPrototypeOf: trap })];
  for (const thrown of [undefined, null, 0, 'text', Symbol('s'), {}, Object.create(null), unreadable, ...proxies]) {
    expect(() => JSON.stringify(loggedError(thrown))).not.toThrow();
  }
  expect(loggedError(new TypeError('why'))).toMatchObject({ type: 'TypeError', message: 'why' });
});
