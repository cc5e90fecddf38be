import { ERRORS } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { CallbackRequest } from '../host/surface.ts';
import { decodeBody, readBody } from './body.ts';
import type { Edge } from './edge.ts';
import { onlyParameters } from './parameters.ts';
import { malformed } from './problem.ts';
import type { Asked, Routes } from './routes.ts';

/**
 * Callbacks: outsiders complete or fail what a run waits for.
 *
 * Invariants:
 * K1. The token is the credential. Whoever has it needs no API key, and learns nothing from the answer that the token does not say.
 * K2. A body that is no completion, whole and unambiguous, is `malformed-request`; the host is not asked.
 */
export const CALLBACK_ROUTE = '/v1/callbacks/:token';

/** Characters of the message of a callback that failed. */
export const MAX_CALLBACK_MESSAGE_LENGTH = 1_000;

/** What the code of a callback that failed looks like; codes of the error table are the runtime's own. */
export const CALLBACK_CODE = '^[a-z][a-z0-9-]*$';

/** `POST /v1/callbacks/{token}` with `{result}` or `{error: {code, message}}` -> `{type, id, run, position}`, also when it is told again. */
export function callbackRoutes(edge: Edge, routes: Routes): void {
  routes.add('POST', CALLBACK_ROUTE, (asked) => {
    readBody(asked.exchange, edge.config.maxBodyBytes, (body) => {
      complete(edge, asked, body).catch((error: unknown) => asked.exchange.fail(error));
    });
  });
}

async function complete(edge: Edge, { exchange, params, query }: Asked, body: Buffer): Promise<void> {
  const { token = '' } = params;
  onlyParameters(query, []);
  const outcome = completionOf(decodeBody(exchange.req.headers['content-type'], body));
  const { type, id, run, position } = await edge.host.callback({ token, outcome });
  const written = edge.tokens.write(type, position);
  exchange.value(200, { type, id, run, position: written }, written);
}

/** The one completion that a body holds (K2). Throws `malformed-request`. */
function completionOf(given: unknown): CallbackRequest['outcome'] {
  if (!isObject(given) || Object.keys(given).length !== 1) return malformed(SHAPE);
  if ('result' in given) return { result: given.result };
  return 'error' in given ? { error: failureOf(given.error) } : malformed(SHAPE);
}

const SHAPE = 'the body is an object with one field: {result} or {error: {code, message}}';

function failureOf(given: unknown): { readonly code: string; readonly message: string } {
  const isWhole = isObject(given) && Object.keys(given).length === 2 && 'code' in given && 'message' in given;
  if (!isWhole) return malformed('error is an object {code, message}');
  const { code, message } = given;
  if (typeof code !== 'string' || code.length > LIMITS.maxNameLength || !CODE.test(code)) {
    return malformed(`the code of an error is a text of at most ${LIMITS.maxNameLength} characters that matches ${CALLBACK_CODE}`);
  }
  if (Object.hasOwn(ERRORS, code)) return malformed(`${code} is a code of the runtime; give the error a code of your own`);
  if (typeof message !== 'string' || message.length > MAX_CALLBACK_MESSAGE_LENGTH) {
    return malformed(`the message of an error is a text of at most ${MAX_CALLBACK_MESSAGE_LENGTH} characters`);
  }
  return { code, message };
}

const CODE = new RegExp(CALLBACK_CODE);

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
