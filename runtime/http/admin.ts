import { PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { AdminRequest, AdminVerb } from '../host/surface.ts';
import { decodeBody, readBody } from './body.ts';
import type { Edge } from './edge.ts';
import { checkRunId } from './names.ts';
import { malformed } from './problem.ts';
import { addressed, answerView } from './reads.ts';
import type { Asked, Routes } from './routes.ts';

export const ADMIN_VERBS: readonly AdminVerb[] = ['retry', 'skip', 'edit', 'pause', 'resume', 'cancel', 'terminate', 'forget'];
/** Verbs over open runs: over one if it is named, else over all. */
export const RUN_VERBS: readonly AdminVerb[] = ['retry', 'cancel', 'terminate'];
/** Characters of a reason. */
export const MAX_WHY_LENGTH = 1_000;

/** `POST …/admin/{verb}` with `{by?, why?, run?, payload?}`: an operator's verbs, recorded with who asked and why. */
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
  const verb = ADMIN_VERBS.find((known) => known === name);
  if (verb === undefined) throw new PerdureError('not-found', `there is no verb ${name} (there are ${ADMIN_VERBS.join(', ')})`);
  const { headers } = asked.exchange.req;
  const given = decodeBody(headers['content-type'], body) ?? {};
  answerView(edge, asked.exchange, await edge.host.admin(requestOf(type, id, verb, given)));
}

const FIELDS = ['by', 'why', 'run', 'payload'];

function requestOf(type: string, id: string, verb: AdminVerb, given: unknown): AdminRequest {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    return malformed('the body is an object {by?, why?, run?, payload?}');
  }
  for (const key of Object.keys(given)) {
    if (!FIELDS.includes(key)) malformed(`the body has no field ${key} (it has ${FIELDS.join(', ')})`);
  }
  const { by = 'http', why = '', run, payload } = given as Readonly<Record<string, unknown>>;
  if (typeof by !== 'string' || by.length === 0 || by.length > LIMITS.maxNameLength) {
    return malformed(`by is a text of 1 to ${LIMITS.maxNameLength} characters`);
  }
  if (typeof why !== 'string' || why.length > MAX_WHY_LENGTH) return malformed(`why is a text of at most ${MAX_WHY_LENGTH} characters`);
  if (verb === 'edit' && payload === undefined) malformed('edit needs a payload: the one that replaces the first held one');
  if (verb !== 'edit' && payload !== undefined) malformed(`${verb} takes no payload`);
  return { type, id, verb, by, why, ...runOf(verb, run), ...(payload === undefined ? {} : { payload }) };
}

function runOf(verb: AdminVerb, run: unknown): { readonly run?: string } {
  if (run === undefined) return {};
  if (!RUN_VERBS.includes(verb)) return malformed(`${verb} takes no run (${RUN_VERBS.join(', ')} do)`);
  if (typeof run !== 'string') return malformed('run is a text: the signal id of the run');
  checkRunId(run, 'run');
  return { run };
}
