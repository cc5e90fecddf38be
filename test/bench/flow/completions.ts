import { RawConnection, requestBytes } from '../lib/raw-client.ts';

/** How a system is told the outcome of a callback. `{token}` in `path` is replaced. */
export interface Completion {
  readonly path: string;
  readonly body: string;
}

/** Completes callbacks over HTTP as their tokens come in, on connections of its own. */
export class Completions {
  readonly #idle: RawConnection[];
  readonly #all: readonly RawConnection[];
  readonly #how: Completion;
  readonly #waiting: string[] = [];
  /** Called when a completion is refused or its connection breaks. */
  failed: (error: Error) => void = () => undefined;

  private constructor(connections: readonly RawConnection[], how: Completion) {
    this.#all = connections;
    this.#idle = [...connections];
    this.#how = how;
    for (const connection of connections) this.#serve(connection);
  }

  /** Each connection has one completion under way at a time. */
  static async open(port: number, connections: number, how: Completion): Promise<Completions> {
    return new Completions(await Promise.all(Array.from({ length: connections }, () => RawConnection.open(port))), how);
  }

  complete(token: string): void {
    const connection = this.#idle.pop();
    if (connection === undefined) this.#waiting.push(token);
    else this.#send(connection, token);
  }

  close(): void {
    for (const connection of this.#all) connection.close();
  }

  #serve(connection: RawConnection): void {
    connection.broken = (error) => this.failed(error);
    connection.answered = (status, body) => {
      if (status >= 300) this.failed(new Error(`${this.#how.path} answered ${status}: ${body.toString('utf8').slice(0, 500)}`));
      const token = this.#waiting.shift();
      if (token === undefined) this.#idle.push(connection);
      else this.#send(connection, token);
    };
  }

  #send(connection: RawConnection, token: string): void {
    const { path, body } = this.#how;
    connection.send(requestBytes('POST', path.replace('{token}', token), Buffer.from(body), { 'content-type': 'application/json' }));
  }
}
