import { hash } from 'node:crypto';
import { failed } from '../core/answer.ts';
import type { EntityDefinition } from '../core/definition/erased.ts';
import type { ActivityImplementation } from '../core/definition/types.ts';
import { PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { StreamName } from '../core/record.ts';
import type { RunHost } from '../core/run/scope.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { ReadStore } from '../ports/read-store.ts';
import { Activities } from './activity-registry.ts';
import { Agenda, agendaEntity } from './agenda.ts';
import { Attempts } from './attempts.ts';
import { Backlog } from './backlog.ts';
import { Consequences } from './consequences.ts';
import type { Entropy, Guard, HostContext, HostLimits, HostLog } from './context.ts';
import { Counters } from './counters.ts';
import { DeadLetters } from './dead-letters.ts';
import { dismiss, drained } from './drain.ts';
import { Forgetting } from './forgetting.ts';
import { Life } from './life.ts';
import type { Mailbox } from './mailbox.ts';
import { Mailboxes } from './mailboxes.ts';
import { Operations } from './operations.ts';
import { Outbox } from './outbox.ts';
import { Reads } from './reads.ts';
import { Reception } from './reception.ts';
import { Replies } from './replies.ts';
import { Rest } from './rest.ts';
import { Settlement } from './settlement.ts';
import type { HostMetrics, HostStatus, HostSurface } from './surface.ts';
import { Tick } from './tick.ts';
import { Waiters } from './waiters.ts';

/** What a host is made of. */
export interface HostParts {
  readonly definitions: readonly EntityDefinition[];
  readonly store: EventStore;
  /** Where the agenda keeps its rows. */
  readonly rows: ReadStore;
  /** What durable handlers call. */
  readonly activities: readonly ActivityImplementation[];
  readonly clock: Clock;
  /** Calls `run` once, when no microtask is left, however long their chains. */
  readonly drained: (run: () => void) => void;
  readonly entropy: Entropy;
  readonly guard: Guard;
  readonly log: HostLog;
  readonly limits?: Partial<HostLimits>;
  /** checkedFreeze in development and tests, identity in production. */
  readonly freeze: (value: unknown, part?: 'state') => unknown;
}

/** The host of one node: owns time and concurrency for all its entities. */
export interface Host extends HostSurface {
  /** Starts agenda and outbox; until then deliveries are refused with `draining`. */
  start(): Promise<void>;
  /**
   * Takes nothing new, lets what was taken finish (at most `drainMs`), then stops. Callers of what was not finished are told `draining` or
   * `outcome-unknown`. The store is left open.
   */
  stop(drainMs: number): Promise<void>;
}

/**
 * Builds a host. Throws `invalid-definition` for two entities of one type or two activities of one name.
 */
export function createHost(parts: HostParts): Host {
  const life: { state: HostStatus['state'] } = { state: 'starting' };
  const activities = new Activities(parts.activities);
  const organs = assemble(contextOf(parts, activities, life), parts.rows, activities, () => life.state);
  const { agenda, backlog, outbox, operations, reads, reception } = organs;
  return {
    storeId: parts.store.storeId,
    definitions: organs.context.definitions,
    deliver: (delivery) => reception.deliver(delivery),
    withdraw: (delivery) => reception.withdraw(delivery),
    query: (request, done) => reads.query(request, done),
    view: (type, id, options) => reads.view(type, id, options),
    history: (type, id, from, limit) => reads.history(type, id, from, limit),
    run: (type, id, signalId, options) => reads.run(type, id, signalId, options),
    callback: (request) => reads.callback(request),
    admin: (request) => operations.run(request),
    status: () => ({ state: life.state, reasons: life.state === 'running' ? [] : [`host is ${life.state}`] }),
    metrics: () => ({ counters: { ...organs.context.counters }, gauges: gaugesOf(organs) }),
    start: async () => {
      await agenda.start();
      await outbox.start();
      if (life.state === 'starting') life.state = 'running';
    },
    stop: async (drainMs) => {
      if (life.state === 'stopped') return;
      if (life.state !== 'failed') life.state = 'draining';
      await outbox.stop();
      await drained(backlog, organs.attempts, parts.clock, drainMs);
      organs.attempts.stop();
      organs.life.stop();
      for (const mailbox of organs.mailboxes.all()) dismiss(mailbox, organs.replies);
      organs.waiters.close(failed('draining', 'the node stopped; the run goes on, and can be joined with the same id'));
      await agenda.stop();
      organs.mailboxes.stop();
      life.state = 'stopped';
    },
  };
}

function contextOf(parts: HostParts, activities: Activities, life: { state: HostStatus['state'] }): HostContext {
  const { store, clock, drained, entropy, guard, log, freeze } = parts;
  const fail = (error: unknown) => {
    life.state = 'failed';
    log.error('host-failed', { error });
  };
  const limits: HostLimits = { ...LIMITS, ...parts.limits };
  const definitions = byType(parts.definitions);
  const runs: RunHost = {
    incarnation: entropy.incarnation,
    digest: (text) => hash('sha256', text, 'base64url').slice(0, DIGEST_LENGTH),
    scoped: (scope, work) => guard.scoped(scope, work),
    hasActivity: (name) => activities.has(name),
    isQuery: (type, name) => definitions.get(type)?.declarations.get(name)?.kind === 'query',
    tell: (event, fields) => log.warn(event, fields),
  };
  return { store, clock, drained, definitions, limits, entropy, guard, log, counters: new Counters(), freeze, fail, runs };
}

/** 128 bits of base64url. */
const DIGEST_LENGTH = 22;

/** The parts of a host, each knowing only those it tells or asks. */
interface Organs {
  readonly context: HostContext;
  readonly backlog: Backlog;
  readonly replies: Replies;
  readonly waiters: Waiters;
  readonly attempts: Attempts;
  readonly life: Life;
  readonly mailboxes: Mailboxes;
  readonly reception: Reception;
  readonly outbox: Outbox;
  readonly agenda: Agenda;
  readonly reads: Reads;
  readonly operations: Operations;
}

function assemble(context: HostContext, rows: ReadStore, activities: Activities, state: () => HostStatus['state']): Organs {
  const backlog = new Backlog(context.limits);
  const waiters = new Waiters();
  const replies = new Replies(context, backlog, waiters);
  const settlement = new Settlement(context, replies, {
    ready: (mailbox) => life.ready(mailbox),
    apply: (mailbox, effects) => consequences.apply(mailbox, effects),
    discard: (mailbox, delayMs) => life.discard(mailbox, delayMs),
  });
  const tick = new Tick(
    context,
    (commit, outcome) => settlement.settled(commit, outcome),
    (mailbox, flight) => settlement.confirm(mailbox, flight),
  );
  const life: Life = new Life(context, tick, {
    rested: (mailbox) => rest.rested(mailbox),
    recovers: (mailbox) => attempts.recover(mailbox),
    reloaded: (mailbox) => {
      attempts.recover(mailbox);
      replies.reloaded(mailbox);
    },
  });
  const mailboxes: Mailboxes = new Mailboxes(context, (mailbox) => life.passivate(mailbox));
  const reception = new Reception(context, { backlog, mailboxes, life, replies }, state);
  const outbox = new Outbox(context, (delivery) => reception.deliver(delivery), new DeadLetters(context));
  const forgetting = new Forgetting(context, outbox);
  const agenda = new Agenda(context, rows, { wake: (stream, done) => wake(stream, done) });
  const rest: Rest = new Rest(context, agenda, forgetting, mailboxes);
  const reads = new Reads(context, mailboxes, life, replies, waiters);
  const attempts: Attempts = new Attempts(context, activities, {
    enqueue: (stream, input) => {
      const mailbox = mailboxOf(stream);
      if (mailbox === undefined) input.done(failed('unknown-entity-type', `no entity of the type of ${stream} is registered`));
      else life.enqueue(mailbox, input);
    },
    query: ({ type, id, name, payload }) => new Promise((done) => reads.query({ type, id, name, input: payload, strong: true }, done)),
    imageOf: (stream) => {
      const mailbox = mailboxOf(stream);
      return mailbox === undefined ? Promise.resolve(undefined) : life.imageOf(mailbox);
    },
  });
  const consequences = new Consequences(context, attempts, waiters);
  const operations = new Operations(context, mailboxes, life, forgetting);

  function wake(stream: StreamName, done: () => void): void {
    const mailbox = mailboxOf(stream);
    if (mailbox === undefined) {
      done();
      return;
    }
    mailbox.agendaWaits = true;
    life.wake(mailbox, done);
  }

  function mailboxOf(stream: StreamName): Mailbox | undefined {
    const entity = agendaEntity(stream, context.definitions);
    const definition = entity === undefined ? undefined : context.definitions.get(entity.type);
    return entity === undefined || definition === undefined ? undefined : mailboxes.get(definition, entity.id);
  }

  return { context, backlog, replies, waiters, attempts, life, mailboxes, reception, outbox, agenda, reads, operations };
}

function gaugesOf({ attempts, backlog, life, mailboxes, outbox, waiters }: Organs): HostMetrics['gauges'] {
  return {
    entities: mailboxes.count,
    entity_bytes: mailboxes.stateBytes,
    queued_messages: backlog.messages,
    queued_bytes: backlog.bytes,
    rehydrating: life.rehydrating,
    outbox_pending: outbox.pending,
    attempts_running: attempts.running,
    runs_waited_for: waiters.count,
  };
}

function byType(definitions: readonly EntityDefinition[]): ReadonlyMap<string, EntityDefinition> {
  const all = new Map<string, EntityDefinition>();
  for (const definition of definitions) {
    if (all.has(definition.type)) throw new PerdureError('invalid-definition', `two entities have the type '${definition.type}'`);
    all.set(definition.type, definition);
  }
  return all;
}
