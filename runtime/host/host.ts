import type { EntityDefinition } from '../core/definition/erased.ts';
import { PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { StreamName } from '../core/record.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { ReadStore } from '../ports/read-store.ts';
import { Agenda, agendaEntity } from './agenda.ts';
import { Backlog } from './backlog.ts';
import type { Entropy, Guard, HostContext, HostLimits, HostLog } from './context.ts';
import { Counters } from './counters.ts';
import { DeadLetters } from './dead-letters.ts';
import { dismiss, drained } from './drain.ts';
import { Forgetting } from './forgetting.ts';
import { Life } from './life.ts';
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

/** What a host is made of. */
export interface HostParts {
  readonly definitions: readonly EntityDefinition[];
  readonly store: EventStore;
  /** Where the agenda keeps its rows. */
  readonly rows: ReadStore;
  readonly clock: Clock;
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
 * Builds a host. Throws `invalid-definition` for two entities of one type or a durable handler (which this version does not run).
 */
export function createHost(parts: HostParts): Host {
  const life: { state: HostStatus['state'] } = { state: 'starting' };
  const organs = assemble(contextOf(parts, life), parts.rows, () => life.state);
  const { agenda, backlog, outbox, operations, reads, reception } = organs;
  return {
    storeId: parts.store.storeId,
    definitions: organs.context.definitions,
    deliver: (delivery) => reception.deliver(delivery),
    withdraw: (delivery) => reception.withdraw(delivery),
    query: (request, done) => reads.query(request, done),
    view: (type, id, options) => reads.view(type, id, options),
    history: (type, id, from, limit) => reads.history(type, id, from, limit),
    run: (type, id, signalId) => reads.run(type, id, signalId),
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
      await drained(backlog, parts.clock, drainMs);
      for (const mailbox of organs.mailboxes.all()) dismiss(mailbox, organs.replies);
      await agenda.stop();
      organs.mailboxes.stop();
      organs.life.stop();
      life.state = 'stopped';
    },
  };
}

function contextOf(parts: HostParts, life: { state: HostStatus['state'] }): HostContext {
  const { store, clock, entropy, guard, log, freeze } = parts;
  const fail = (error: unknown) => {
    life.state = 'failed';
    log.error('host-failed', { error });
  };
  const limits: HostLimits = { ...LIMITS, ...parts.limits };
  return { store, clock, definitions: byType(parts.definitions), limits, entropy, guard, log, counters: new Counters(), freeze, fail };
}

/** The parts of a host, each knowing only those it tells or asks. */
interface Organs {
  readonly context: HostContext;
  readonly backlog: Backlog;
  readonly replies: Replies;
  readonly life: Life;
  readonly mailboxes: Mailboxes;
  readonly reception: Reception;
  readonly outbox: Outbox;
  readonly agenda: Agenda;
  readonly reads: Reads;
  readonly operations: Operations;
}

function assemble(context: HostContext, rows: ReadStore, state: () => HostStatus['state']): Organs {
  const backlog = new Backlog(context.limits);
  const replies = new Replies(context, backlog);
  const settlement = new Settlement(context, replies, {
    ready: (mailbox) => life.ready(mailbox),
    discard: (mailbox, delayMs) => life.discard(mailbox, delayMs),
  });
  const tick = new Tick(
    context,
    (commit, outcome) => settlement.settled(commit, outcome),
    (mailbox, flight) => settlement.confirm(mailbox, flight),
  );
  const life: Life = new Life(context, tick, (mailbox) => rest.rested(mailbox));
  const mailboxes: Mailboxes = new Mailboxes(context, (mailbox) => life.passivate(mailbox));
  const reception = new Reception(context, { backlog, mailboxes, life, replies }, state);
  const outbox = new Outbox(context, (delivery) => reception.deliver(delivery), new DeadLetters(context));
  const forgetting = new Forgetting(context, outbox);
  const agenda = new Agenda(context, rows, { wake: (stream, done) => wake(stream, done) });
  const rest: Rest = new Rest(context, agenda, forgetting, mailboxes);
  const reads = new Reads(context, mailboxes, life, replies);
  const operations = new Operations(context, mailboxes, life, forgetting);

  function wake(stream: StreamName, done: () => void): void {
    const entity = agendaEntity(stream, context.definitions);
    const definition = entity === undefined ? undefined : context.definitions.get(entity.type);
    if (entity === undefined || definition === undefined) {
      done();
      return;
    }
    const mailbox = mailboxes.get(definition, entity.id);
    mailbox.agendaWaits = true;
    life.wake(mailbox, done);
  }

  return { context, backlog, replies, life, mailboxes, reception, outbox, agenda, reads, operations };
}

function gaugesOf({ backlog, life, mailboxes, outbox }: Organs): HostMetrics['gauges'] {
  return {
    entities: mailboxes.count,
    entity_bytes: mailboxes.stateBytes,
    queued_messages: backlog.messages,
    queued_bytes: backlog.bytes,
    rehydrating: life.rehydrating,
    outbox_pending: outbox.pending,
  };
}

function byType(definitions: readonly EntityDefinition[]): ReadonlyMap<string, EntityDefinition> {
  const all = new Map<string, EntityDefinition>();
  for (const definition of definitions) {
    if (all.has(definition.type)) throw new PerdureError('invalid-definition', `two entities have the type '${definition.type}'`);
    for (const [name, handler] of [...definition.signals, ...definition.timers]) {
      if (handler.mode !== 'plain') {
        throw new PerdureError(
          'invalid-definition',
          `${definition.type}.${name} is ${handler.mode}: this version runs plain handlers only`,
        );
      }
    }
    all.set(definition.type, definition);
  }
  return all;
}
