import { expect, test } from 'vitest';
import { urlOf } from '../../../runtime/http/address.ts';

test.each([
  ['127.0.0.1', 'http://127.0.0.1:80'],
  ['0.0.0.0', 'http://127.0.0.1:80'],
  ['node-1.local', 'http://node-1.local:80'],
  ['::', 'http://[::1]:80'],
  ['0:0:0:0:0:0:0:0', 'http://[::1]:80'],
  ['::1', 'http://[::1]:80'],
  ['fd00::17', 'http://[fd00::17]:80'],
  ['[::1]', 'http://[::1]:80'],
])('a server on %s is reached at %s', (host, url) => {
  expect(urlOf(host, 80)).toBe(url);
  expect(new URL(url).protocol).toBe('http:');
});
