import { expect, test } from 'vitest';
import { setup } from './harness.ts';
import { head, RawConnection } from './socket.ts';

const PATH = '/v1/entities/tally/1/signals/add';
const MIB = 1024 * 1024;
const json = { 'content-type': 'application/json' };
const GOOD = `${head(PATH, { ...json, 'content-length': 12 })}{"amount":1}`;
const answers = (text: string) => text.split('HTTP/1.1 ').length - 1;

async function connected() {
  const all = setup();
  const port = await all.server.listen();
  return { ...all, port, connection: await RawConnection.open(port) };
}

test('Y1, A2: a body over the limit gets 413 after the rest was read, and the connection goes on', async () => {
  const { connection, host } = await connected();
  await connection.write(head(PATH, { ...json, 'content-length': 8 * MIB }));
  for (let n = 0; n < 8; n += 1) await connection.write(Buffer.alloc(MIB, 0x20));
  await connection.until(({ received }) => received.includes('payload-too-large'));
  await connection.write(GOOD);
  const text = await connection.until(({ received }) => received.includes('signalId":'));
  expect(text).toMatch(/^HTTP\/1\.1 413 /);
  expect([host.delivered.length, connection.isClosed]).toEqual([1, false]);
  connection.socket.destroy();
});

test('Y1, A2: so does a chunked one', async () => {
  const { connection, host } = await connected();
  await connection.write(head(PATH, { ...json, 'transfer-encoding': 'chunked' }));
  for (let n = 0; n < 4; n += 1) await connection.write(`10000\r\n${' '.repeat(65_536)}\r\n`);
  await connection.write('0\r\n\r\n');
  await connection.until(({ received }) => received.includes('payload-too-large'));
  await connection.write(GOOD);
  await connection.until(({ received }) => received.includes('signalId":'));
  expect(host.delivered).toHaveLength(1);
  connection.socket.destroy();
});

test('A2: one that announces more than is thrown away is answered at once and the connection closed', async () => {
  const { connection } = await connected();
  await connection.write(head(PATH, { ...json, 'content-length': 33 * MIB }));
  const text = await connection.until(({ isClosed }) => isClosed);
  expect(text).toMatch(/^HTTP\/1\.1 413 /);
  expect(text.toLowerCase()).toContain('connection: close');
});

test('A2: a chunked one that never ends is answered and the connection closed', async () => {
  const { connection } = await connected();
  await connection.write(head(PATH, { ...json, 'transfer-encoding': 'chunked' }));
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(MIB), Buffer.from('\r\n')]);
  for (let n = 0; n < 40 && !connection.received.includes('413'); n += 1) await connection.write(chunk);
  expect(await connection.until(({ isClosed }) => isClosed)).toContain('HTTP/1.1 413 ');
});

test('many requests on one connection, also sent together, are answered in order', async () => {
  const { connection, host } = await connected();
  await connection.write(GOOD.repeat(50));
  const text = await connection.until(({ received }) => answers(received) === 50 && received.endsWith('}'));
  const ids = [...text.matchAll(/"signalId":"([^"]+)"/g)].map((match) => match[1]);
  expect(ids).toEqual(host.delivered.map(({ signalId }) => signalId));
  connection.socket.destroy();
});

test('a caller that goes away while it sends, or while it waits, harms nobody', async () => {
  const { connection, host, port, errors } = await connected();
  await connection.write(`${head(PATH, { ...json, 'content-length': 100 })}{"am`);
  connection.socket.destroy();
  const waiting = await RawConnection.open(port);
  host.keeps = true;
  await waiting.write(GOOD.replace('signals', 'updates'));
  while (host.delivered.length === 0) await new Promise((resolve) => setImmediate(resolve));
  waiting.socket.destroy();
  await waiting.until(({ isClosed }) => isClosed);
  host.release();
  const next = await RawConnection.open(port);
  await next.write(GOOD);
  await next.until(({ received }) => received.includes('signalId":'));
  expect([host.delivered.length, errors]).toEqual([2, []]);
  next.socket.destroy();
});

test('a repeated Idempotency-Key is refused; one with a comma in it is one key', async () => {
  const { connection, host } = await connected();
  const twice = head(PATH, { ...json, 'content-length': 12, 'Idempotency-Key': 'a' }).replace('\r\n\r\n', '\r\nidempotency-key: b\r\n\r\n');
  await connection.write(`${twice}{"amount":1}`);
  const text = await connection.until(({ received }) => received.includes('more than once'));
  expect(text).toMatch(/^HTTP\/1\.1 400 /);
  await connection.write(`${head(PATH, { ...json, 'content-length': 12, 'idempotency-key': 'a, b' })}{"amount":1}`);
  await connection.until(({ received }) => received.includes('signalId":"a, b"'));
  expect(host.delivered).toHaveLength(1);
  connection.socket.destroy();
});

test('a compressed body is refused, and the connection goes on', async () => {
  const { connection, host } = await connected();
  await connection.write(`${head(PATH, { ...json, 'content-length': 12, 'content-encoding': 'gzip' })}{"amount":1}`);
  expect(await connection.until(({ received }) => received.includes('gzip'))).toMatch(
    /^HTTP\/1\.1 415 [\s\S]*"code":"unsupported-media-type"/,
  );
  await connection.write(`${head(PATH, { ...json, 'content-length': 12, 'content-encoding': 'identity' })}{"amount":1}`);
  await connection.until(({ received }) => received.includes('signalId'));
  expect(host.delivered).toHaveLength(1);
  connection.socket.destroy();
});

test('a request that is no HTTP is answered 400 and closed', async () => {
  const { connection } = await connected();
  await connection.write('nonsense\r\n\r\n');
  expect(await connection.until(({ isClosed }) => isClosed)).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"malformed-request"/);
});

test('headers without end are 431', async () => {
  const { connection } = await connected();
  await connection.write(head(PATH, { 'x-long': 'x'.repeat(20_000) }));
  expect(await connection.until(({ isClosed }) => isClosed)).toMatch(/^HTTP\/1\.1 431 [\s\S]*"status":431/);
});

test('a port that is taken is a mistake of the configuration, and named', async () => {
  const { port } = await connected();
  await expect(setup({ port }).server.listen()).rejects.toMatchObject({
    code: 'invalid-config',
    message: expect.stringContaining(`port ${port}`),
  });
});

test('H1: a refusal before the body is read leaves the connection usable', async () => {
  const { server } = setup({ apiKeys: ['k'] });
  const connection = await RawConnection.open(await server.listen());
  await connection.write(`${head(PATH, { ...json, 'content-length': 12 })}{"amount":1}`);
  await connection.until(({ received }) => received.includes('unauthorized'));
  await connection.write(`${head('/nowhere', { ...json, 'content-length': 12 })}{"amount":1}`);
  await connection.until(({ received }) => answers(received) === 2);
  await connection.write(`${head(PATH, { ...json, 'content-length': 12, authorization: 'Bearer k' })}{"amount":1}`);
  expect(await connection.until(({ received }) => received.includes('signalId":'))).toContain('HTTP/1.1 202 ');
  connection.socket.destroy();
});
