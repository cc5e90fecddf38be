import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { type EdgeLog, Exchange } from './exchange.ts';
import type { Parameters } from './parameters.ts';
import { RouteTimes } from './route-times.ts';

/** A request as the routes see it. */
export interface Asked {
  readonly exchange: Exchange;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Parameters;
}

/** Answers through `asked.exchange`, now or later. What it throws or rejects with is answered as a problem. */
export type Answering = (asked: Asked) => Promise<void> | void;

/** Registers routes so that each has its times, and all fail the same way. */
export class Routes {
  readonly times: RouteTimes[] = [];
  readonly #app: FastifyInstance;
  readonly #log: EdgeLog;

  constructor(app: FastifyInstance, log: EdgeLog) {
    this.#app = app;
    this.#log = log;
  }

  /** `url` in fastify's form, `/v1/entities/:type/:id`. */
  add(method: HTTPMethods, url: string, answer: Answering): void {
    const times = this.timesOf(method, url);
    this.#app.route({ method, url, handler: (request, reply) => run(answer, this.#exchange(request, reply, times), request) });
  }

  /** Times for what is answered outside a route. */
  timesOf(method: string, route: string): RouteTimes {
    const times = new RouteTimes(method, route);
    this.times.push(times);
    return times;
  }

  #exchange(request: FastifyRequest, reply: FastifyReply, times: RouteTimes): Exchange {
    return new Exchange(request.raw, reply.raw, times, this.#log);
  }
}

/** Returns nothing, so that fastify leaves the response alone. */
function run(answer: Answering, exchange: Exchange, request: FastifyRequest): void {
  try {
    const later = answer({ exchange, params: request.params as Record<string, string>, query: request.query as Parameters });
    if (later !== undefined) later.catch((error: unknown) => exchange.fail(error));
  } catch (error) {
    exchange.fail(error);
  }
}
