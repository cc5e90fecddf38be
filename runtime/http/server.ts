import { STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { PerdureError } from '../core/errors.ts';
import { MAX_CALLBACK_TOKEN_LENGTH } from '../core/run/callback-token.ts';
import { TokenWriter } from '../core/token.ts';
import type { HostSurface } from '../host/surface.ts';
import type { Clock } from '../ports/clock.ts';
import type { SignalBus } from '../ports/signal-bus.ts';
import { adminRoutes } from './admin.ts';
import { ApiKeys } from './api-keys.ts';
import { batchRoutes } from './batch-route.ts';
import { CALLBACK_ROUTE, callbackRoutes } from './callbacks.ts';
import { Deadlines } from './deadlines.ts';
import type { Edge, EdgeConfig } from './edge.ts';
import { discardBody, type EdgeLog, Exchange } from './exchange.ts';
import { messageRoutes } from './messages.ts';
import { operationRoutes } from './operations.ts';
import { problem } from './problem.ts';
import { projectionRoutes } from './projections.ts';
import type { ProjectionReader } from './reader.ts';
import { readRoutes } from './reads.ts';
import type { RouteTimes } from './route-times.ts';
import { Routes } from './routes.ts';

/**
 * The HTTP edge of a node: translates requests into what a host and a projection reader are asked, and their answers back.
 *
 * Invariants:
 * H1. Nothing that a caller sends is answered with 500, unless user code or the runtime has a defect.
 * H2. Every problem has a code of the error table, or is an entity's own rejection (`by`).
 * H3. The edge decides nothing about entities: order, duplicates, limits of mailboxes and parking are the host's.
 */
export interface HttpServer {
  /** For tests: `app.inject`. */
  readonly app: FastifyInstance;
  /** Starts to listen on the configured address; resolves with the port. Rejects `invalid-config` with what the system says (port in use …). */
  listen(): Promise<number>;
  /**
   * Takes no more connections and resolves when requests under way are answered; after `withinMs` (5 s) those that are not are cut off. The host should
   * be draining already, so that requests on open connections are answered `draining`.
   */
  close(withinMs?: number): Promise<void>;
}

export interface HttpServerOptions {
  readonly host: HostSurface;
  readonly signals: Pick<SignalBus, 'publish'>;
  readonly reader: ProjectionReader;
  readonly config: EdgeConfig;
  readonly log: EdgeLog;
  readonly clock: Clock;
}

/** Time for a whole request to come in, against callers that send a byte a minute. */
const REQUEST_TIMEOUT_MS = 300_000;
/** Of the longest part of a path: percent-encoded ids are shorter than tokens of callbacks. */
const MAX_PARAM_LENGTH = MAX_CALLBACK_TOKEN_LENGTH;

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { host, signals, reader, config, log, clock } = options;
  const deadlines = new Deadlines(clock);
  const edge: Edge = { host, signals, reader, config, log, deadlines, tokens: new TokenWriter(host.storeId) };
  const app: FastifyInstance = fastify({
    logger: false,
    return503OnClosing: false, // the host answers `draining`, with a code
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, request, reply) => refuse(error, request, reply),
  });
  const routes = new Routes(app, log);
  const other = routes.timesOf('ANY', 'other');
  const refuse = (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => refuseRequest(error, request, reply, other, log);

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null)); // routes read their bodies themselves
  app.setErrorHandler<FastifyError>(refuse);
  app.setNotFoundHandler((request, reply) => {
    const exchange = new Exchange(request.raw, reply.raw, other, log);
    discardBody(exchange, 0, () => exchange.fail(new PerdureError('not-found', `there is no ${request.method} ${request.url}`)));
  });
  guard(app, new ApiKeys(config.apiKeys), other, log);
  messageRoutes(edge, routes, clock);
  batchRoutes(edge, routes);
  readRoutes(edge, routes, clock);
  adminRoutes(edge, routes);
  callbackRoutes(edge, routes);
  projectionRoutes(edge, routes);
  operationRoutes(edge, routes);
  return {
    app,
    listen: async () => {
      await app.listen({ port: config.port, host: config.host }).catch(cannotListen(config));
      return (app.server.address() as AddressInfo).port;
    },
    close: async (withinMs = CLOSE_WITHIN_MS) => {
      await closeWithin(app, clock, withinMs);
      deadlines.stop();
    },
  };
}

/** The port or address is taken, not allowed or not of this machine: for whoever configured it. */
function cannotListen({ host, port }: EdgeConfig): (cause: unknown) => never {
  return (cause) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PerdureError('invalid-config', `cannot listen on ${host} port ${port} (PERDURE_HOST, PERDURE_PORT): ${why}`, undefined, {
      cause,
    });
  };
}

/** Connections fall idle one by one as their requests are answered; each is closed then, or the server would wait for its callers to leave. */
async function closeWithin(app: FastifyInstance, clock: Clock, withinMs: number): Promise<void> {
  const until = clock.now() + withinMs;
  let isClosed = false;
  const sweep = () => {
    if (isClosed) return;
    if (clock.now() >= until) app.server.closeAllConnections();
    else app.server.closeIdleConnections();
    clock.after(SWEEP_MS, sweep);
  };
  const closed = app.close();
  sweep();
  await closed;
  isClosed = true;
}

/** For a caller that has drained the host already: only answers on their way are left. */
const CLOSE_WITHIN_MS = 5_000;
const SWEEP_MS = 20;

/** Probes, and what has a credential of its own. */
const OPEN = new Set(['/healthz', '/readyz', CALLBACK_ROUTE]);

/** Asks for an API key everywhere but at `OPEN`. Without keys there is no hook, so it costs nothing. */
function guard(app: FastifyInstance, keys: ApiKeys, times: RouteTimes, log: EdgeLog): void {
  if (keys.isOpen) return;
  app.addHook('onRequest', (request, reply, next) => {
    if (OPEN.has(request.routeOptions.url ?? '') || keys.allows(request.headers.authorization)) {
      next();
      return;
    }
    const exchange = new Exchange(request.raw, reply.hijack().raw, times, log);
    discardBody(exchange, 0, () => exchange.problem(problem('unauthorized')));
  });
}

/** What is no request: not HTTP, headers without end, a body that does not come. The connection is of no more use. */
function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUS_OF_PARSER[error.code ?? ''] ?? 400;
  const body = JSON.stringify({
    ...problem('malformed-request', `the connection carried no request that can be read: ${error.message}`),
    status,
  });
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\ncontent-type: application/problem+json; charset=utf-8\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
}

const STATUS_OF_PARSER: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** What fastify itself refuses: bad percent-encoding, a content type that is no media type. Anything else is a bug. */
function refuseRequest(error: FastifyError, request: FastifyRequest, reply: FastifyReply, times: RouteTimes, log: EdgeLog): void {
  const exchange = new Exchange(request.raw, reply.hijack().raw, times, log);
  discardBody(exchange, 0, () => {
    if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
      exchange.fail(new PerdureError('unsupported-media-type', 'the content-type is not a media type'));
    else if (error.statusCode !== undefined && error.statusCode < 500) exchange.fail(new PerdureError('malformed-request', error.message));
    else exchange.fail(error);
  });
}
