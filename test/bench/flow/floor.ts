import { fastify } from 'fastify';
import { handOver } from './hand-over.ts';

/** The floor: the flow in a bare fastify handler that keeps nothing. What the sleep, HTTP and the load generator alone leave possible. Argument: port. */
interface Body {
  readonly collector: number;
  readonly early: boolean;
}
const open = new Map<string, (result: unknown) => void>();
const sleep = () => new Promise((resolve) => setTimeout(resolve, 10));
let tokens = 0;

const server = fastify({ logger: false });
server.post<{ Body: Body }>('/start', async ({ body: { collector, early } }) => {
  if (!early) await sleep();
  tokens += 1;
  const token = String(tokens);
  const completed = new Promise<unknown>((resolve) => open.set(token, resolve));
  await handOver(collector, token);
  if (early) await sleep();
  return completed;
});
server.post<{ Params: { token: string } }>('/callbacks/:token', async ({ params: { token }, body }) => {
  open.get(token)?.(body);
  return { isOpen: open.delete(token) };
});
server.get('/', async () => ({}));
await server.listen({ port: Number(process.argv[2] ?? 0), host: '127.0.0.1' });
