import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** The world outside of the systems: takes the tokens that activities hand over, one a line. */
export interface Collector {
  readonly port: number;
  close(): void;
}

/** Listens at a free port; `taken` is called with each token. */
export async function openCollector(taken: (token: string) => void): Promise<Collector> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    let rest = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const token of lines) taken(token);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
