import { type AllStreamSubscription, EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { type EventStoreServer, type EventStoreServerOptions, startEventStore } from '../../eventstoredb/server.ts';

/** A server and a real client of it; both end with the scope. */
export interface Harness extends AsyncDisposable {
  readonly server: EventStoreServer;
  readonly client: EventStoreDBClient;
}

/** Starts both. */
export async function harness(options: EventStoreServerOptions = {}): Promise<Harness> {
  const server = await startEventStore(options);
  const client = EventStoreDBClient.connectionString(server.url);
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      await client.dispose();
      await server.stop();
    },
  };
}

/** Events of one type, numbered from `first`. */
export function numbered(count: number, first = 0) {
  return Array.from({ length: count }, (_value, index) => jsonEvent({ type: 'numbered', data: { n: first + index } }));
}

/** What a subscription says, in order, as words: `event 1`, `checkpoint`, `caughtUp`, `end`, `error …`. */
export class Heard {
  readonly words: string[] = [];
  #wake: (() => void) | undefined;

  constructor(subscription: AllStreamSubscription) {
    subscription.on('data', ({ event }) => this.hear(`event ${JSON.stringify((event?.data as { n?: number })?.n)}`));
    subscription.on('error', (error) => this.hear(`error ${error.message}`));
    for (const word of ['caughtUp', 'end'] as const) subscription.on(word, () => this.hear(word));
  }

  hear(word: string): void {
    this.words.push(word);
    this.#wake?.();
  }

  /** Waits until a word was heard so many times. */
  async until(word: string, times = 1): Promise<void> {
    while (this.words.filter((heard) => heard.startsWith(word)).length < times) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
