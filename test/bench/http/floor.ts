import { fastify } from 'fastify';

/** The floor: a fastify handler that takes the same requests, does nothing and answers from setImmediate. Argument: port. */
const server = fastify({ logger: false });
const answer = () =>
  new Promise((resolve) => setImmediate(() => resolve({ signalId: '00000000-0000-0000-0000-000000000000', position: 'x'.repeat(24) })));
server.post('/*', answer);
server.get('/*', answer);
await server.listen({ port: Number(process.argv[2] ?? 0), host: '127.0.0.1' });
