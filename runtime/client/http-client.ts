import type { Address, Duration, Envelope, Projection, QueryMessage, SignalMessage } from '../core/definition/types.ts';
import { durationMs } from '../core/duration.ts';
import { PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { sendBatch } from './batch.ts';
import { signalId } from './ids.ts';
import { isOpen, outcomeError, type RunBody } from './outcome.ts';
import { Positions } from './positions.ts';
import { rowsOver } from './rows.ts';
import { Transport, type TransportOptions } from './transport.ts';
import type {
  BatchOptions,
  Client,
  Completed,
  Completion,
  QueryOptions,
  Rows,
  RunStatus,
  SendOptions,
  Sent,
  WaitOptions,
} from './types.ts';

/**
 * A client over HTTP. `url`: of any node. `baggage`: what travels with every message, asked for each time. Needs fetch, so it works in Node,
 * browsers and other runtimes.
 */
export function connect(options: TransportOptions): Client {
  return new HttpClient(new Transport(options), new Positions());
}

class HttpClient implements Client {
  readonly #transport: Transport;
  readonly #positions: Positions;

  constructor(transport: Transport, positions: Positions) {
    this.#transport = transport;
    this.#positions = positions;
  }

  get position(): string | undefined {
    return this.#positions.text;
  }

  session(position?: string): Client {
    return new HttpClient(this.#transport, new Positions(position));
  }

  signal<O>(message: SignalMessage<O>, options?: SendOptions): Promise<Sent<O>>;
  signal(messages: readonly SignalMessage[], options?: BatchOptions): Promise<readonly Sent<unknown>[]>;
  signal(what: SignalMessage | readonly SignalMessage[], options: SendOptions & BatchOptions = {}): Promise<unknown> {
    if (!isList(what)) return this.#one(what, options);
    return sendBatch(this.#transport, this.#positions, what, { ...options, timeoutMs: timeoutMs(options.timeout) });
  }

  async #one(message: SignalMessage, options: SendOptions): Promise<Sent<unknown>> {
    const { type, id, name } = message;
    const chosen = options.id ?? signalId();
    const reply = await this.#send('signals', message, chosen, options);
    const { signalId: accepted = chosen } = reply.value as { readonly signalId?: string };
    return { type, id, name, signalId: accepted, position: reply.position };
  }

  async update<O>(message: SignalMessage<O>, options: SendOptions = {}): Promise<O> {
    const reply = await this.#send('updates', message, options.id ?? signalId(), options);
    return (reply.value as { readonly result: O }).result;
  }

  #send(kind: 'signals' | 'updates', message: Envelope, chosen: string, options: WaitOptions) {
    return this.#transport.ask(
      {
        method: 'POST',
        path: `${pathOf(message)}/${kind}/${encodeURIComponent(message.name)}`,
        body: message.payload,
        headers: { 'idempotency-key': chosen },
        timeoutMs: timeoutMs(options.timeout),
        signal: options.signal,
        ...(kind === 'updates' ? { waitParameter: 'timeout' as const } : {}),
      },
      this.#positions,
    );
  }

  async query<O>(message: QueryMessage<O>, options: QueryOptions = {}): Promise<O> {
    const consistency = options.consistency === undefined ? '' : `&consistency=${options.consistency}`;
    const args = encodeURIComponent(JSON.stringify(message.payload));
    const path = `${pathOf(message)}/queries/${encodeURIComponent(message.name)}?args=${args}${consistency}`;
    const reply = await this.#get(path, options, 'timeout');
    return reply as O;
  }

  async outcome<O>(sent: Sent<O>, options: WaitOptions = {}): Promise<O> {
    const until = performance.now() + timeoutMs(options.timeout);
    for (;;) {
      const left = Math.max(1, Math.round(until - performance.now()));
      const run = await this.#run(sent, { ...options, timeout: left }, 'wait');
      if (run.status === 'completed') return run.result as O;
      if (!isOpen(run)) throw outcomeError(sent, run);
      if (performance.now() >= until) throw new PerdureError('update-timeout', `the run is ${run.status}`, { signalId: sent.signalId });
    }
  }

  async status(sent: Sent<unknown>): Promise<RunStatus> {
    return (await this.#run(sent, {})).status;
  }

  async callback(token: string, completion: Completion, options: WaitOptions = {}): Promise<Completed> {
    const reply = await this.#transport.ask(
      {
        method: 'POST',
        path: `/v1/callbacks/${encodeURIComponent(token)}`,
        body: 'error' in completion ? completion : { result: completion.result ?? null },
        timeoutMs: timeoutMs(options.timeout),
        signal: options.signal,
      },
      this.#positions,
    );
    return reply.value as Completed;
  }

  rows<R, X extends string>(projection: Projection<R, X>): Rows<R, X> {
    return rowsOver(projection.name, (path, options) => this.#get(path, options, 'timeout'));
  }

  async #run(sent: Sent<unknown>, options: WaitOptions, wait?: 'wait'): Promise<RunBody> {
    return (await this.#get(`${pathOf(sent)}/runs/${encodeURIComponent(sent.signalId)}`, options, wait)) as RunBody;
  }

  async #get(path: string, options: WaitOptions, waitParameter?: 'timeout' | 'wait'): Promise<unknown> {
    const asking = { method: 'GET' as const, path, timeoutMs: timeoutMs(options.timeout), signal: options.signal };
    return (await this.#transport.ask(waitParameter === undefined ? asking : { ...asking, waitParameter }, this.#positions)).value;
  }
}

function isList(what: SignalMessage | readonly SignalMessage[]): what is readonly SignalMessage[] {
  return Array.isArray(what);
}

/** The path of an entity. Throws `malformed-request` for ids that every URL parser would take for a step up or none. */
function pathOf({ type, id }: Address): string {
  if (id === '.' || id === '..')
    throw new PerdureError('malformed-request', `the id '${id}' cannot stand in a URL; send it in a list of signals`);
  return `/v1/entities/${encodeURIComponent(type)}/${encodeURIComponent(id)}`;
}

function timeoutMs(timeout: Duration | undefined): number {
  return timeout === undefined ? LIMITS.defaultWaitMs : Math.max(1, durationMs(timeout));
}
