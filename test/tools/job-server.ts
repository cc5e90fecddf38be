import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Arrivals } from './arrivals.ts';

/** One attempt of the activity `job` as the outside world sees it. Without an answer it stays out. */
export interface Job {
  readonly name: string;
  readonly attempt: number;
  readonly key: string;
  /** What the last heartbeat of an earlier attempt told; null if none did. */
  readonly last: unknown;
  /** The attempt succeeds with this result. */
  done(result?: unknown): void;
  /** The attempt fails, and may be tried again. */
  fails(): void;
  /** A final no. */
  refused(): void;
}

/** The outside world of test/e2e/programs/duties.mjs: an HTTP server that outlives the nodes whose activities ask it. */
export class JobServer {
  readonly #arrivals = new Arrivals<Job>();
  readonly #server = createServer((request, response) => void this.#arrived(request, response));

  /** Listens on a free port of this machine; resolves with what `JOBS_URL` takes. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next attempt of that name that nobody has waited for yet. */
  next(name: string): Promise<Job> {
    return this.#arrivals.next(name);
  }

  /** Attempts of that name so far. */
  count(name: string): number {
    return this.#arrivals.count(name);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #arrived(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const told = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Pick<Job, 'name' | 'attempt' | 'key' | 'last'>;
    const answer = (status: number, body: unknown) => void response.writeHead(status).end(JSON.stringify(body));
    this.#arrivals.came(told.name, {
      ...told,
      done: (result = null) => answer(200, { result }),
      fails: () => answer(500, {}),
      refused: () => answer(402, {}),
    });
  }
}
