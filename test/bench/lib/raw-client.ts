import { connect, type Socket } from 'node:net';

/** One keep-alive HTTP/1.1 connection with one request under way: no parsing but of the status and the length, so that it costs little. */
export class RawConnection {
  readonly #socket: Socket;
  #received: Buffer | undefined;
  /** Called with every whole answer. */
  answered: (status: number, body: Buffer) => void = () => undefined;
  /** Called when the connection breaks. */
  broken: (error: Error) => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.broken(error));
    socket.on('close', () => this.broken(new Error('the server closed the connection')));
  }

  static open(port: number): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RawConnection(socket));
      });
    });
  }

  send(request: Buffer): void {
    this.#socket.write(request);
  }

  close(): void {
    this.broken = () => undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    const received = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk]);
    const answer = parsed(received);
    if (answer === undefined) {
      this.#received = received;
      return;
    }
    this.#received = undefined;
    this.answered(answer.status, answer.body);
  }
}

/** A whole answer, or undefined if bytes are missing. One request is under way at a time, so nothing stands behind it. */
function parsed(bytes: Buffer): { readonly status: number; readonly body: Buffer } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = bytes.toString('latin1', 0, headEnd).toLowerCase();
  const status = Number(head.slice(9, 12));
  const body = bytes.subarray(headEnd + 4);
  const at = head.indexOf('\r\ncontent-length:');
  if (at >= 0) return body.length < Number.parseInt(head.slice(at + 17), 10) ? undefined : { status, body };
  if (!head.includes('\r\ntransfer-encoding: chunked')) return { status, body };
  return body.subarray(-5).toString('latin1') === '0\r\n\r\n' ? { status, body } : undefined;
}

/** A request as bytes. */
export function requestBytes(
  method: string,
  path: string,
  body: Buffer | undefined,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  const lines = [`${method} ${path} HTTP/1.1`, 'host: 127.0.0.1', ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)];
  if (body !== undefined) lines.push(`content-length: ${body.length}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  return body === undefined ? head : Buffer.concat([head, body]);
}
