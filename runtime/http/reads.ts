import type { Answer } from '../core/answer.ts';
import { PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { EntityView } from '../host/surface.ts';
import type { Clock } from '../ports/clock.ts';
import { tokensOf } from './context.ts';
import { Expiring } from './deadlines.ts';
import type { Edge } from './edge.ts';
import { problemOfAnswer } from './edge-delivery.ts';
import type { Exchange } from './exchange.ts';
import { logReached } from './log-reached.ts';
import { checkEntityId, checkRunId } from './names.ts';
import { isStrong, onlyParameters, queryInput, waitMs, whole } from './parameters.ts';
import { problem } from './problem.ts';
import type { Asked, Routes } from './routes.ts';

/**
 * What can be read of an entity. One node reads its own acknowledged writes, so a token waits only if it is ahead of the log.
 */
export function readRoutes(edge: Edge, routes: Routes, clock: Clock): void {
  routes.add('GET', '/v1/entities/:type/:id', (asked) => entity(edge, asked, clock));
  routes.add('GET', '/v1/entities/:type/:id/history', (asked) => history(edge, asked));
  routes.add('GET', '/v1/entities/:type/:id/runs/:signalId', (asked) => run(edge, asked));
  routes.add('GET', '/v1/entities/:type/:id/queries/:name', (asked) => query(edge, asked, clock));
}

/** Type and id of a path. Throws `unknown-entity-type`, `malformed-request`. */
export function addressed(edge: Edge, { params }: Asked): { readonly type: string; readonly id: string } {
  const { type = '', id = '' } = params;
  if (!edge.host.definitions.has(type)) throw new PerdureError('unknown-entity-type', `no entity of type ${type} is registered`);
  checkEntityId(id);
  return { type, id };
}

async function entity(edge: Edge, asked: Asked, clock: Clock): Promise<void> {
  const { type, id } = addressed(edge, asked);
  onlyParameters(asked.query, ['consistency', 'timeout']);
  const strong = isStrong(asked.query);
  const tokens = tokensOf(asked.exchange.req.headers, edge.host.storeId);
  await logReached(edge, tokens, type, waitMs(asked.query, 'timeout', LIMITS.defaultWaitMs), clock);
  answerView(edge, asked.exchange, await edge.host.view(type, id, { strong }));
}

/** Answers with what is known of an entity, its position as a token. */
export function answerView(edge: Edge, exchange: Exchange, view: EntityView): void {
  const token = edge.tokens.write(view.type, view.position);
  exchange.value(200, { ...view, position: token }, token);
}

async function history(edge: Edge, asked: Asked): Promise<void> {
  const { type, id } = addressed(edge, asked);
  onlyParameters(asked.query, ['from', 'limit']);
  const from = whole(asked.query, 'from', 0, 0, Number.MAX_SAFE_INTEGER);
  const limit = whole(asked.query, 'limit', LIMITS.defaultPage, 1, LIMITS.maxPage);
  const page = await edge.host.history(type, id, from, limit);
  const events = page.events.map(({ revision, type, data, metadata, time }) => ({ revision, type, data, metadata, time }));
  asked.exchange.value(200, { events, next: page.next ?? null });
}

async function run(edge: Edge, asked: Asked): Promise<void> {
  const { type, id } = addressed(edge, asked);
  const { signalId = '' } = asked.params;
  checkRunId(signalId, 'the id of a run');
  onlyParameters(asked.query, ['wait']);
  const longest = waitMs(asked.query, 'wait', 0);
  const { position, ...view } = await edge.host.run(type, id, signalId, { waitMs: longest });
  asked.exchange.value(200, view, position === undefined ? undefined : edge.tokens.write(type, position));
}

function query(edge: Edge, asked: Asked, clock: Clock): Promise<void> | undefined {
  const { type, id } = addressed(edge, asked);
  const { exchange, query } = asked;
  const { name = '' } = asked.params;
  const tokens = tokensOf(exchange.req.headers, edge.host.storeId);
  const strong = isStrong(query);
  const waiting = new WaitingQuery(edge, exchange, type);
  const timeoutMs = waitMs(query, 'timeout', LIMITS.defaultWaitMs);
  const input = queryInput(query);
  const ask = () => {
    edge.deadlines.add(waiting, timeoutMs);
    edge.host.query({ type, id, name, input, strong }, (answer) => waiting.answered(answer));
  };
  const reached = logReached(edge, tokens, type, timeoutMs, clock);
  if (reached === undefined) ask();
  return reached?.then(ask);
}

class WaitingQuery extends Expiring {
  readonly #edge: Edge;
  readonly #exchange: Exchange;
  readonly #type: string;

  constructor(edge: Edge, exchange: Exchange, type: string) {
    super();
    this.#edge = edge;
    this.#exchange = exchange;
    this.#type = type;
  }

  answered(answer: Answer): void {
    this.#edge.deadlines.remove(this);
    try {
      if (answer.kind === 'done') this.#exchange.value(200, answer.result ?? null, this.#edge.tokens.write(this.#type, answer.position));
      else this.#exchange.problem(problemOfAnswer(answer));
    } catch (error) {
      this.#exchange.fail(error); // nothing that happens while a response is written reaches the host's tick
    }
  }

  override expired(): void {
    this.#exchange.problem(problem('read-timeout', 'the query did not get its turn within the time-out'));
  }
}
