import { afterEach, describe, expect, it } from 'vitest';
import { type Gateway, payments } from '../../../entities/payments.ts';
import { httpGateway } from '../../../entities/payments-http.ts';
import { type Sandbox, sandbox } from '../../../entities/payments-sandbox.ts';
import { type GatewayServer, startGateway } from '../../tools/gateway.ts';

const never = new AbortController().signal;
const payment = (paymentMethod = 'visa') => ({ orderId: 'o', amount: 700, paymentMethod });
const under = (key: string, signal = never) => ({ key, signal });

let server: GatewayServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** A gateway to be tested, and what it has booked. */
type Tested = Pick<Sandbox, 'charge' | 'refund' | 'ledger'>;
const inProcess = async (wait?: (ms: number) => Promise<void>): Promise<Tested> => sandbox(wait);
const overHttp = async (wait?: (ms: number) => Promise<void>): Promise<Tested> => {
  const started = await startGateway(wait);
  server = started;
  return { ...httpGateway(started.url, fetch), ledger: () => started.ledger() };
};

describe.each([
  ['in the process', inProcess],
  ['over HTTP', overHttp],
])('the sandbox %s', (_where, start) => {
  it('S1: books a key once, however often it comes', async () => {
    const bank = await start();
    for (let round = 0; round < 3; round++) expect(await bank.charge(payment(), under('k'))).toBeUndefined();
    for (let round = 0; round < 2; round++) await bank.refund(payment(), under('k'));
    expect(bank.ledger()).toMatchObject([{ key: 'k', ...payment(), isCharged: true, isRefunded: true, charges: 3, refunds: 2 }]);
  });

  it('S2: a charge after its refund is declined, also when nothing was charged before', async () => {
    const bank = await start();
    await bank.refund(payment(), under('k'));
    expect(await bank.charge(payment(), under('k'))).toBe('refunded');
    expect(bank.ledger()).toMatchObject([{ key: 'k', isCharged: false, isRefunded: true }]);
  });

  it('S2: also when it was on its way before it', async () => {
    let arrived = () => {};
    let goOn = () => {};
    const isWaiting = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const bank = await start(
      () =>
        new Promise((resolve) => {
          goOn = resolve;
          arrived();
        }),
    );
    const late = bank.charge(payment('slow'), under('k'));
    await isWaiting;
    await bank.refund(payment('slow'), under('k'));
    goOn();
    expect(await late).toBe('refunded');
    expect(bank.ledger()).toMatchObject([{ isCharged: false, isRefunded: true }]);
  });

  it('S3: a key of another payment is an error, and nothing is booked', async () => {
    const bank = await start();
    await bank.charge(payment(), under('k'));
    await expect(bank.refund({ ...payment(), amount: 1 }, under('k'))).rejects.toThrow();
    expect(bank.ledger()).toMatchObject([{ isCharged: true, isRefunded: false }]);
  });

  it('declines, with a code that may be named, and stays with it', async () => {
    const bank = await start();
    expect(await bank.charge(payment('decline'), under('a'))).toBe('card-declined');
    expect(await bank.charge(payment('decline:card-expired'), under('b'))).toBe('card-expired');
    expect(await bank.charge(payment('decline:card-expired'), under('b'))).toBe('card-expired');
    expect(bank.ledger().map(({ isCharged }) => isCharged)).toEqual([false, false]);
  });

  it('fails for ever, once, or after it has booked', async () => {
    const bank = await start();
    for (let round = 0; round < 3; round++) await expect(bank.charge(payment('fail'), under('a'))).rejects.toThrow();
    await expect(bank.charge(payment('fail-once'), under('b'))).rejects.toThrow();
    expect(await bank.charge(payment('fail-once'), under('b'))).toBeUndefined();
    await expect(bank.charge(payment('twice'), under('c'))).rejects.toThrow();
    expect(bank.ledger().map(({ key, isCharged }) => [key, isCharged])).toEqual([
      ['a', false],
      ['b', true],
      ['c', true],
    ]);
    expect(await bank.charge(payment('twice'), under('c'))).toBeUndefined();
    for (const [paymentMethod, key] of [
      ['fail-once', 'b'],
      ['twice', 'c'],
    ] as const) {
      await expect(bank.refund(payment(paymentMethod), under(key))).rejects.toThrow();
      await bank.refund(payment(paymentMethod), under(key));
    }
    expect(bank.ledger().map(({ isRefunded }) => isRefunded)).toEqual([false, true, true]);
  });
});

describe('the sandbox', () => {
  it('gives up waiting when its caller does, and books nothing', async () => {
    const bank = sandbox();
    const caller = new AbortController();
    const charge = bank.charge(payment('slow'), under('k', caller.signal));
    caller.abort();
    await expect(charge).rejects.toThrow();
    expect(bank.ledger()).toMatchObject([{ isCharged: false }]);
  });

  it('holds a bounded number of keys, the newest ones', async () => {
    const bank = sandbox();
    for (let n = 0; n <= 100_000; n++) await bank.refund(payment(), under(`${n}`));
    expect(bank.ledger()).toHaveLength(100_000);
    expect(bank.ledger()[0]?.key).toBe('1');
  });
});

/** A `fetch` that answers what it is told to and keeps what it was asked. */
function scripted(answer: () => Response) {
  const asked: { readonly url: string; readonly init: RequestInit }[] = [];
  const http: typeof fetch = async (url, init = {}) => {
    asked.push({ url: String(url), init });
    return answer();
  };
  return { asked, http };
}

describe('the gateway over HTTP', () => {
  it.each(['http://pay.test/v2', 'http://pay.test/v2/'])('posts to its resources below %s', async (base) => {
    const { asked, http } = scripted(() => new Response('ignored', { status: 201 }));
    const gateway = httpGateway(base, http);
    const caller = new AbortController();
    await gateway.charge({ ...payment(), ...{ extra: 1 } }, under('a-key/1', caller.signal));
    await gateway.refund(payment(), under('a-key/1'));
    expect(asked.map(({ url }) => url)).toEqual(['http://pay.test/v2/charges', 'http://pay.test/v2/refunds']);
    for (const { init } of asked) {
      expect(init).toMatchObject({ method: 'POST', redirect: 'error' });
      expect(init.headers).toEqual({ 'content-type': 'application/json', 'idempotency-key': 'a-key/1' });
      expect(JSON.parse(String(init.body))).toEqual(payment());
    }
    expect(asked[0]?.init.signal).toBe(caller.signal);
  });

  it('carries keys that no header could, each as itself', async () => {
    const bank = await overHttp();
    const keys = ['a b', 'a%0020b', 'schlüssel/€', '\ud800', '%'];
    for (const key of keys) expect(await bank.charge(payment(), under(key))).toBeUndefined();
    expect(bank.ledger()).toHaveLength(keys.length);
  });

  it.each([300, 400, 401, 404, 409, 429, 500, 503])('an answer of %d says nothing about the money', async (status) => {
    const gateway = httpGateway('http://pay.test', scripted(() => new Response('{}', { status })).http);
    await expect(gateway.charge(payment(), under('k'))).rejects.toThrow(`${status}`);
    await expect(gateway.refund(payment(), under('k'))).rejects.toThrow(`${status}`);
  });

  it('402 declines a charge, but no refund', async () => {
    const gateway = httpGateway('http://pay.test', scripted(() => Response.json({ code: 'too-poor' }, { status: 402 })).http);
    expect(await gateway.charge(payment(), under('k'))).toBe('too-poor');
    await expect(gateway.refund(payment(), under('k'))).rejects.toThrow('402');
  });

  it.each(['', 'no json', '[]', '{"code":7}', `{"code":"${'x'.repeat(101)}"}`])('402 declines also with the body %j', async (body) => {
    const gateway = httpGateway('http://pay.test', scripted(() => new Response(body, { status: 402 })).http);
    expect(await gateway.charge(payment(), under('k'))).toBe('unknown');
  });

  it('reads no more of a body than it needs', async () => {
    let pulled = 0;
    let isCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(new Uint8Array(8 * 1024));
      },
      cancel: () => {
        isCancelled = true;
      },
    });
    const gateway = httpGateway('http://pay.test', scripted(() => new Response(endless, { status: 402 })).http);
    expect(await gateway.charge(payment(), under('k'))).toBe('unknown');
    expect(pulled).toBeLessThan(10);
    expect(isCancelled).toBe(true);
  });
});

describe('the activities', () => {
  const info = { signal: never, attempt: 1, idempotencyKey: 'k', meta: { signalId: '', correlationId: '', baggage: {} } };
  const work = (gateway: Gateway, name: string): ((input: unknown, info: unknown) => Promise<unknown>) => {
    const found = payments(gateway).find(({ activity }) => activity === name)?.work;
    if (typeof found !== 'function') throw new Error(`there is no activity ${name}`);
    return async (...given) => Reflect.apply(found, undefined, given);
  };

  it('P1, P3: charge and refund carry the key; a decline is a rejection, with its code', async () => {
    const bank = sandbox();
    await work(bank, 'charge')(payment(), info);
    await work(bank, 'refund')(payment(), info);
    expect(bank.ledger()).toMatchObject([{ key: 'k', isCharged: true, isRefunded: true }]);
    const declined = work(bank, 'charge')(payment('decline'), { ...info, idempotencyKey: 'd' });
    await expect(declined).rejects.toMatchObject({ name: 'Rejection', code: 'declined', details: { code: 'card-declined' }, by: 'charge' });
  });

  it('P3: what else goes wrong is no rejection', async () => {
    await expect(work(sandbox(), 'charge')(payment('fail'), info)).rejects.not.toMatchObject({ name: 'Rejection' });
  });
});
