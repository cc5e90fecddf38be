import { LIMITS } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Delivery } from '../ports/signal-bus.ts';
import { decodeBody, readBody } from './body.ts';
import { contextOf, tokensOf } from './context.ts';
import type { Edge } from './edge.ts';
import { EdgeDelivery } from './edge-delivery.ts';
import { logReached } from './log-reached.ts';
import { checkEntityId } from './names.ts';
import { onlyParameters, waitMs } from './parameters.ts';
import type { Asked, Routes } from './routes.ts';

/** Signals and updates: the hot path. One object and no promise per request beyond what node:http makes. */
export function messageRoutes(edge: Edge, routes: Routes, clock: Clock): void {
  routes.add('POST', '/v1/entities/:type/:id/signals/:name', (asked) => receive(edge, asked, 'durability', clock));
  routes.add('POST', '/v1/entities/:type/:id/updates/:name', (asked) => receive(edge, asked, 'outcome', clock));
}

/** The body is read before anything is judged, so that the connection can be used again after a refusal. */
function receive(edge: Edge, asked: Asked, wants: Delivery['wants'], clock: Clock): void {
  readBody(asked.exchange, edge.config.maxBodyBytes, (body) => {
    try {
      deliver(edge, asked, wants, body, clock);
    } catch (error) {
      asked.exchange.fail(error);
    }
  });
}

function deliver(edge: Edge, asked: Asked, wants: Delivery['wants'], body: Buffer, clock: Clock): void {
  const { exchange, params, query } = asked;
  const { type = '', id = '', name = '' } = params;
  const { headers } = exchange.req;
  checkEntityId(id);
  onlyParameters(query, wants === 'outcome' ? TIMED : []);
  const tokens = tokensOf(headers, edge.host.storeId);
  const payload = decodeBody(headers['content-type'], body) ?? (body.length === 0 ? {} : null);
  const delivery = new EdgeDelivery(edge, exchange, { type, id, name }, wants, {
    payload,
    context: contextOf(headers),
    bytes: body.length,
  });
  if (wants === 'durability') edge.signals.publish(delivery);
  else {
    const timeoutMs = waitMs(query, 'timeout', LIMITS.defaultWaitMs);
    const take = () => {
      edge.deadlines.add(delivery, timeoutMs);
      edge.host.deliver(delivery);
    };
    const reached = logReached(edge, tokens, type, timeoutMs, clock);
    if (reached === undefined) take();
    else reached.then(take, (error: unknown) => exchange.fail(error));
  }
}

const TIMED = ['timeout'];
