import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/**
 * The connections of the server: they are accepted here and handed to gRPC, so that they can be reset or stopped one by one.
 *
 * Invariants:
 * S1. While it is frozen nothing is read, not even a ping, and new connections are accepted and left alone, as the kernel does for a stopped process.
 * S2. A killed connection is reset: the client sees ECONNRESET.
 */
export class Sockets {
  readonly #take: (socket: Socket) => void;
  readonly #open = new Set<Socket>();
  #untaken: Socket[] = [];
  #server: Server | undefined;
  #isFrozen = false;

  /** `take`: is given each connection. */
  constructor(take: (socket: Socket) => void) {
    this.#take = take;
  }

  /** Listens on a port of 127.0.0.1 (0: any); resolves to the port. Rejects with the error of the socket. */
  async listen(port: number): Promise<number> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server = server;
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  /** Resets all connections; goes on listening. */
  kill(): void {
    for (const socket of this.#open) socket.resetAndDestroy();
    this.#untaken = [];
  }

  /** Resets all connections and listens no more. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    this.kill();
    await closed;
  }

  freeze(): void {
    this.#isFrozen = true;
    for (const socket of this.#open) handleOf(socket)?.readStop();
  }

  thaw(): void {
    this.#isFrozen = false;
    const untaken = new Set(this.#untaken.splice(0));
    for (const socket of this.#open) {
      if (untaken.has(socket)) this.#take(socket);
      handleOf(socket)?.readStart();
    }
  }

  #accept(socket: Socket): void {
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket));
    // A reset by either side is no news here: gRPC cancels the calls of the connection.
    socket.on('error', () => {});
    if (this.#isFrozen) {
      handleOf(socket)?.readStop();
      this.#untaken.push(socket);
    } else {
      this.#take(socket);
    }
  }
}

/** HTTP/2 reads from the handle below the socket, so that pausing the socket itself stops nothing. */
interface Handle {
  readStop(): void;
  readStart(): void;
}

function handleOf(socket: Socket): Handle | undefined {
  return (socket as { readonly _handle?: Handle })._handle;
}
