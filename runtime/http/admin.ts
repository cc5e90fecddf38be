import { PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { AdminRequest, AdminVerb } from '../host/surface.ts';
import { decodeBody, readBody } from './body.ts';
import type { Edge } from './edge.ts';
import { malformed } from './problem.ts';
import { addressed, answerView } from './reads.ts';
import type { Asked, Routes } from './routes.ts';

export const ADMIN_VERBS: readonly AdminVerb[] = ['retry', 'skip', 'edit', 'pause', 'resume', 'forget'];
/** Verbs over open runs. No run can be open before durable handlers exist, so they find none. */
const RUN_VERBS = ['cancel', 'terminate'];

/** `POST …/admin/{verb}` with `{by?, why?, payload?}`: an operator's verbs, recorded with who asked and why. */
export function adminRoutes(edge: Edge, routes: Routes): void {
  routes.add('POST', '/v1/entities/:type/:id/admin/:verb', (asked) => {
    readBody(asked.exchange, edge.config.maxBodyBytes, (body) => {
      administer(edge, asked, body).catch((error: unknown) => asked.exchange.fail(error));
    });
  });
}

async function administer(edge: Edge, asked: Asked, body: Buffer): Promise<void> {
  const { type, id } = addressed(edge, asked);
  const { verb: name = '' } = asked.params;
  if (RUN_VERBS.includes(name)) throw new PerdureError('unknown-run', `${type}/${id} has no open run`);
  const verb = ADMIN_VERBS.find((known) => known === name);
  if (verb === undefined)
    throw new PerdureError('not-found', `there is no verb ${name} (there are ${[...ADMIN_VERBS, ...RUN_VERBS].join(', ')})`);
  const { headers } = asked.exchange.req;
  const given = decodeBody(headers['content-type'], body) ?? {};
  answerView(edge, asked.exchange, await edge.host.admin(requestOf(type, id, verb, given)));
}

function requestOf(type: string, id: string, verb: AdminVerb, given: unknown): AdminRequest {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return malformed('the body is an object {by?, why?, payload?}');
  for (const key of Object.keys(given)) {
    if (key !== 'by' && key !== 'why' && key !== 'payload') malformed(`the body has no field ${key} (it has by, why, payload)`);
  }
  const { by = 'http', why = '', payload } = given as { by?: unknown; why?: unknown; payload?: unknown };
  if (typeof by !== 'string' || by.length === 0 || by.length > LIMITS.maxNameLength) {
    return malformed(`by is a text of 1 to ${LIMITS.maxNameLength} characters`);
  }
  if (typeof why !== 'string' || why.length > MAX_WHY_LENGTH) return malformed(`why is a text of at most ${MAX_WHY_LENGTH} characters`);
  if (verb === 'edit' && payload === undefined) malformed('edit needs a payload: the one that replaces the first held one');
  if (verb !== 'edit' && payload !== undefined) malformed(`${verb} takes no payload`);
  return payload === undefined ? { type, id, verb, by, why } : { type, id, verb, by, why, payload };
}

const MAX_WHY_LENGTH = 1_000;
