import { join } from 'node:path';
import { pino } from 'pino';
import { openEmbeddedReadStore } from './adapters/embedded/read-store.ts';
import { EmbeddedSignalBus } from './adapters/embedded/signal-bus.ts';
import { realClock, realDrain } from './adapters/real-clock.ts';
import { realEntropy } from './adapters/real-entropy.ts';
import { connect } from './client/http-client.ts';
import type { Client } from './client/types.ts';
import { type ResolvedConfig, resolveConfig, SETTINGS } from './config.ts';
import { definitionOf } from './core/definition/entity.ts';
import { projectionOf } from './core/definition/projection.ts';
import type { ActivityImplementation, AnyImplementation, AnyProjection } from './core/definition/types.ts';
import { PerdureError } from './core/errors.ts';
import { checkedFreeze } from './core/plain.ts';
import type { HostLog } from './host/context.ts';
import { warnOfChangedFolds } from './host/fold-change.ts';
import { guard, installGuard } from './host/guard.ts';
import { createHost, type Host } from './host/host.ts';
import type { HostMetrics } from './host/surface.ts';
import { urlOf } from './http/address.ts';
import { projectionReader } from './http/projection-reader.ts';
import { createHttpServer, type HttpServer } from './http/server.ts';
import { loggedError } from './logged-error.ts';
import { builtInProjections, entityFold, projectionDefinition } from './projection/definitions.ts';
import { Projections } from './projection/projections.ts';
import { openStore } from './stores.ts';

export type { ResolvedConfig } from './config.ts';

/** What a node runs. */
export interface Program {
  readonly entities: readonly AnyImplementation[];
  readonly projections?: readonly AnyProjection[];
  /** What durable handlers call. */
  readonly activities?: readonly ActivityImplementation[];
}

/** A running node. */
export interface Runtime {
  /** A client of this node. */
  readonly client: Client;
  /** Base address of its HTTP server. */
  readonly url: string;
  /** Resolves if the node has stopped by itself, because another one has taken its store. */
  readonly lost: Promise<PerdureError>;
  /** Drains (at most `drainMs` of the configuration) and releases everything. Calling it again waits for the same end. */
  stop(): Promise<void>;
}

/**
 * The composition root: starts a node on the embedded default. A whole configuration is taken as it is; else what `config` leaves out comes from the
 * environment.
 * Throws `invalid-config`, `invalid-definition`, `store-in-use`, `store-too-new`, `store-mismatch`, `store-corrupt`; nothing stays open then.
 */
export async function start(program: Program, config: Partial<ResolvedConfig> = {}): Promise<Runtime> {
  const resolved = isWhole(config) ? config : { ...resolveConfig({ env: process.env }), ...config };
  const log = pino({ level: resolved.logLevel, base: null, serializers: { err: loggedError } });
  const opened: (() => Promise<void> | void)[] = [];
  const release = async () => {
    const failures: unknown[] = [];
    // One that fails does not keep the others open: what stays locked would stop the next start.
    for (const close of opened.splice(0).reverse())
      await Promise.resolve()
        .then(close)
        .catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  try {
    return await compose(program, resolved, log, opened, release);
  } catch (error) {
    // What stopped the start is what its caller must read.
    await release().catch((failure: unknown) => log.error({ err: failure }, 'the node was not released cleanly'));
    throw error;
  }
}

/** Is it what `resolveConfig` made? Then nothing is read a second time. */
function isWhole(config: Partial<ResolvedConfig>): config is ResolvedConfig {
  return SETTINGS.every(({ field }) => (field.split('.')[0] ?? '') in config);
}

async function compose(
  program: Program,
  config: ResolvedConfig,
  log: pino.Logger,
  opened: (() => Promise<void> | void)[],
  release: () => Promise<void>,
): Promise<Runtime> {
  const definitions = program.entities.map(definitionOf);
  const declared = (program.projections ?? []).map(projectionOf);
  opened.push(installGuard());
  const { dataDir } = config;
  const held = await openStore(config, (message) => log.warn({ event: 'store' }, message));
  const { store } = held;
  opened.push(() => held.close());
  const rows = await openEmbeddedReadStore({ dir: join(dataDir, 'rows') });
  opened.push(() => rows.close());
  const host = createHost({
    definitions,
    store,
    rows,
    activities: program.activities ?? [],
    clock: realClock,
    drained: realDrain,
    entropy: realEntropy(),
    guard,
    log: hostLog(log),
    limits: { ...config.limits, maxTurnBytes: config.maxTurnBytes },
    freeze: isProduction() ? (value) => value : checkedFreeze,
  });
  const projections = new Projections(
    { events: store, rows, clock: realClock, log: (level, message, fields) => log[level](fields, message) },
    [...builtInProjections(definitions.map(({ type }) => type)), ...declared.map(projectionDefinition)],
    definitions.map(entityFold),
  );
  await projections.start();
  opened.push(() => projections.stop());
  opened.push(() => host.stop(0)); // a start that fails behind this line; after a drain it has nothing left to do
  await warnOfChangedFolds(store, definitions, hostLog(log));
  await host.start();
  const bus = new EmbeddedSignalBus();
  await bus.consume((signal) => host.deliver(signal));
  opened.push(() => bus.close());
  const reader = projectionReader(projections, declared, definitions, () => held.head());
  const server = createHttpServer({
    host: { ...host, metrics: () => both(host.metrics(), held.metrics()) },
    signals: bus,
    reader,
    config,
    log: log,
    clock: realClock,
  });
  const port = await server.listen();
  const url = urlOf(config.host, port);
  log.info({ url, dataDir, storeId: store.storeId, entities: definitions.map(({ type }) => type) }, 'ready');
  const stop = stopOnce((drainMs) => drain(host, server, drainMs, log).finally(release));
  const lost = new Promise<PerdureError>((resolve) => {
    held.onLost((message) => {
      log.fatal({ event: 'store-lost' }, message);
      const error = new PerdureError('store-in-use', message);
      // What it takes now would be refused by the other's appends: it ends at once.
      void stop(0).then(
        () => resolve(error),
        () => resolve(error),
      );
    });
  });
  return { url, client: connect({ url, ...firstKey(config) }), lost, stop: () => stop(config.drainMs) };
}

/** Nothing new is taken, what was taken is finished, then everything is released. */
async function drain(host: Host, server: HttpServer, drainMs: number, log: pino.Logger): Promise<void> {
  log.info({ drainMs }, 'draining');
  await host.stop(drainMs);
  await server.close();
  log.info('stopped');
}

function both(host: HostMetrics, store: HostMetrics): HostMetrics {
  return { counters: { ...host.counters, ...store.counters }, gauges: { ...host.gauges, ...store.gauges } };
}

function stopOnce(stop: (drainMs: number) => Promise<void>): (drainMs: number) => Promise<void> {
  let stopped: Promise<void> | undefined;
  return (drainMs) => {
    stopped ??= stop(drainMs);
    return stopped;
  };
}

function firstKey({ apiKeys }: ResolvedConfig): { readonly apiKey?: string } {
  const [apiKey] = apiKeys;
  return apiKey === undefined ? {} : { apiKey };
}

function hostLog(log: pino.Logger): HostLog {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (event: string, fields: Readonly<Record<string, unknown>>) => {
    const { error, ...rest } = fields;
    log[level](error === undefined ? rest : { ...rest, err: error }, event);
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Development and tests freeze state and payloads, so that a reducer that mutates is caught at once. */
function isProduction(): boolean {
  return process.env['NODE_ENV'] !== 'development' && process.env['NODE_ENV'] !== 'test';
}
