import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { commitOf, data, readAll } from '../../contract/event-store.ts';
import { Follower } from './follower.ts';
import { freshStream, send, settle, write, written } from './sending.ts';
import { useWorld } from './world.ts';

// Encrypted connections and credentials, as the connection string says them. The certificate is for tests only.

const CERTIFICATES = fileURLToPath(new URL('../../eventstoredb/certificates/', import.meta.url));
const CA_FILE = `${CERTIFICATES}server.crt`;
const pem = (name: string) => readFileSync(`${CERTIFICATES}${name}`, 'utf8');
const { server, open } = useWorld({
  tls: { cert: pem('server.crt'), key: pem('server.key') },
  users: { admin: 'changeit', ops: 'p@ss:w%rd/1', reader: 'secret' },
});

function urlFor(user: string | undefined, password = '', parameters = `&tlsCAFile=${encodeURIComponent(CA_FILE)}`): string {
  const credentials = user === undefined ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
  return `esdb://${credentials}127.0.0.1:${server().port}?tls=true${parameters}`;
}

test('with the right password appends, reads, values and subscriptions work, also after the connection was lost', async () => {
  const url = urlFor('admin', 'changeit');
  const [store, other] = [await open({ url }), await open({ url })];
  const stream = freshStream();
  const follower = await new Follower(other, { prefixes: ['cart-'] }).caughtUp();
  await write(store, stream, 2);
  server().faults.killConnections();
  await write(store, stream, 2, 2);
  const large = { text: 'x'.repeat(200_000) };
  expect((await settle(store, commitOf(stream, 7, { data: large }))).at(-1)).toMatchObject({ kind: 'committed' });
  await store.putValue('v', new Uint8Array([1]));
  expect([...((await other.getValue('v')) ?? [])]).toEqual([1]);
  expect(data(await readAll(other, stream))).toEqual([...written(4), large]);
  expect(await follower.holds(9)).toEqual([...written(4), large]);
});

test.each([
  ['a wrong password', 'admin', 'wrong', /Unauthenticated/i],
  ['a user that is not there', 'nobody', 'changeit', /Unauthenticated/i],
  ['no credentials', undefined, '', /Access Denied/i],
] as const)('%s is refused when the store is opened, and the message says so', async (_name, user, password, message) => {
  await expect(open({ url: urlFor(user, password) })).rejects.toMatchObject({
    code: 'store-failed',
    message: expect.stringMatching(message),
  });
});

test('a certificate that nobody vouched for is refused, and the message says so', async () => {
  await expect(open({ url: urlFor('admin', 'changeit', '') })).rejects.toMatchObject({
    code: 'store-failed',
    message: expect.stringMatching(/self-signed certificate/i),
  });
});

test('a file of certificates that is not there is a mistake of the configuration', async () => {
  await expect(open({ url: urlFor('admin', 'changeit', '&tlsCAFile=/nowhere/ca.crt') })).rejects.toMatchObject({
    code: 'invalid-config',
    message: expect.stringMatching(/certificate file/i),
  });
});

test('a user without the right to read the log is told so', async () => {
  await (await open({ url: urlFor('admin', 'changeit') })).close();
  await expect(open({ url: urlFor('reader', 'secret') })).rejects.toMatchObject({
    code: 'store-failed',
    message: expect.stringMatching(/Access Denied/i),
  });
});

test('a user that may read the log works on the store without being an administrator, whatever characters the password has', async () => {
  grant('$all', { $acl: { $r: 'ops' } });
  const store = await open({ url: urlFor('ops', 'p@ss:w%rd/1') });
  const stream = freshStream();
  const follower = await new Follower(store, { prefixes: [stream] }).caughtUp();
  await write(store, stream, 2);
  expect(await follower.holds(4)).toEqual(written(2));
});

test('a right that is taken away refuses appends for good, and says so', async () => {
  const store = await open({ url: urlFor('admin', 'changeit') });
  const stream = freshStream();
  await write(store, stream, 1);
  grant('$all', { $acl: { $r: 'reader' } });
  const limited = await open({ url: urlFor('reader', 'secret') });
  grant(stream, { $acl: { $w: 'admin' } });
  expect(await send(limited, commitOf(stream, 1, 'x'))).toEqual({
    kind: 'refused',
    code: 'store-failed',
    message: expect.stringMatching(/denied/i),
  });
  expect(data(await readAll(store, stream))).toEqual(written(1));
});

/** Writes the metadata of a stream, as an administrator does. */
function grant(stream: string, metadata: unknown): void {
  const about = { id: crypto.randomUUID(), type: '$metadata', contentType: 'application/json' };
  server().log.append(`$$${stream}`, 'any', [{ ...about, data: Buffer.from(JSON.stringify(metadata)), metadata: new Uint8Array() }]);
}
