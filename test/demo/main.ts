import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { demo } from './demo.ts';
import { screenOn } from './screen.ts';

/** `npm run demo [-- --messages 20000 --seed 1]`: exit code 1 if anything does not add up. */
const { values } = parseArgs({ options: { messages: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' } } });
const [messages, seed] = [Number(values.messages), Number(values.seed)];
if (!Number.isInteger(messages) || messages < 100 || !Number.isInteger(seed))
  throw new Error('--messages is a whole number from 100, --seed a whole number');

const NEXT = `
  npm start                                  # the same entities, on port 8080, data in ./data

  curl -X POST localhost:8080/v1/entities/cart/42/signals/addItem \\
       -H 'content-type: application/json' -H 'idempotency-key: first' \\
       -d '{"sku":"tea","quantity":2,"unitPrice":450}'
  curl -X POST localhost:8080/v1/entities/cart/42/updates/checkOut
  curl localhost:8080/v1/entities/cart/42/queries/summary
  curl localhost:8080/v1/entities/cart/42/history
  curl 'localhost:8080/v1/projections/carts?limit=10'

  curl -X POST localhost:8080/v1/entities/inventory/tea/updates/receive -H 'content-type: application/json' -d '{"quantity":10}'
  curl -X POST localhost:8080/v1/entities/order/1/updates/place -H 'content-type: application/json' \\
       -d '{"customer":"ada","lines":[{"sku":"tea","quantity":2,"unitPrice":450}],"paymentMethod":"card"}'
  curl localhost:8080/v1/entities/order/1/history

  The API of the running node: localhost:8080/docs`;

const screen = screenOn(process.stdout);
const dataDir = await mkdtemp(join(tmpdir(), 'perdure-demo-'));
try {
  const adds = await demo(screen, { dataDir, messages, seed });
  screen.heading('What to try next');
  screen.line(NEXT);
  process.exitCode = adds ? 0 : 1;
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
