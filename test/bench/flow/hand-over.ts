import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/**
 * What the activity of a flow does, the same code on both sides: one line on a connection that stays open. It stands for the mail or the message
 * that carries a token out into the world, and costs microseconds, so that the systems are measured and not an HTTP client inside of them.
 */
const connections = new Map<number, Promise<Socket>>();

/** Hands a token to the collector that listens at a port of this machine. Rejects if nobody listens there. */
export async function handOver(collector: number, token: string): Promise<void> {
  let connection = connections.get(collector);
  if (connection === undefined) {
    connection = connected(collector);
    connections.set(collector, connection);
  }
  (await connection).write(`${token}\n`);
}

async function connected(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  const forget = () => connections.delete(port);
  // Whoever tries again, connects again.
  socket.on('error', forget).on('close', forget).setNoDelay(true);
  await once(socket, 'connect');
  return socket;
}
