import { type Answer, failed } from '../core/answer.ts';
import type { EntityDefinition } from '../core/definition/erased.ts';
import { PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { ReadStore } from '../ports/read-store.ts';
import { Agenda, agendaEntity } from './agenda.ts';
import { Backlog } from './backlog.ts';
import type { Entropy, Guard, HostContext, HostLimits, HostLog } from './context.ts';
import { Counters } from './counters.ts';
import { DeadLetters } from './dead-letters.ts';
import { Forgetting } from './forgetting.ts';
import { Life } from './life.ts';
import type { Mailbox, Queued } from './mailbox.ts';
import { Mailboxes } from './mailboxes.ts';
import { Operations } from './operations.ts';
import { Outbox } from './outbox.ts';
import { Reads } from './reads.ts';
import { Reception } from './reception.ts';
import { Replies } from './replies.ts';
import { Settlement } from './settlement.ts';
import type { HostMetrics, HostStatus, HostSurface } from './surface.ts';
import { Tick } from './tick.ts';

const DRAIN_STEP_MS = 5;

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
  const definitions = byType(parts.definitions);
  let state: HostStatus['state'] = 'starting';
  const fail = (error: unknown) => {
    state = 'failed';
    parts.log.error('host-failed', { error });
  };
  const { store, clock, entropy, guard, log, freeze } = parts;
  const limits: HostLimits = { ...LIMITS, ...parts.limits };
  const counters = new Counters();
  const context: HostContext = { store, clock, definitions, limits, entropy, guard, log, counters, freeze, fail };

  const backlog = new Backlog(limits);
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
  const life: Life = new Life(context, tick, (mailbox) => rested(mailbox));
  const mailboxes: Mailboxes = new Mailboxes(context, (mailbox) => life.passivate(mailbox));
  const reads = new Reads(context, mailboxes, life, replies);
  const reception = new Reception(context, { backlog, mailboxes, life, replies }, () => state);
  const outbox = new Outbox(context, (delivery) => reception.deliver(delivery), new DeadLetters(context));
  const forgetting = new Forgetting(context, outbox);
  const operations = new Operations(context, mailboxes, life, forgetting);
  const agenda = new Agenda(context, parts.rows, {
    wake: (stream, done) => {
      const entity = agendaEntity(stream, definitions);
      const definition = entity === undefined ? undefined : definitions.get(entity.type);
      if (entity === undefined || definition === undefined) {
        done();
        return;
      }
      const mailbox = mailboxes.get(definition, entity.id);
      mailbox.agendaWaits = true;
      life.wake(mailbox, done);
    },
  });

  /** A mailbox has nothing to do: the agenda learns what it owes next, and it may leave memory. */
  function rested(mailbox: Mailbox): void {
    const { image, stream } = mailbox;
    if (mailbox.agendaWaits && image !== undefined) {
      const at = image.books.wakeAtMs;
      const { revision } = image.books;
      if (image.books.forgotten) {
        mailbox.agendaWaits = false;
        forgetting.run(image).then(
          () => agenda.correct(stream, undefined, revision),
          // The row stays: the agenda wakes it again.
          (error: unknown) => log.error('forgetting-failed', { stream, error }),
        );
      } else if (at === undefined || at > clock.now()) {
        mailbox.agendaWaits = false;
        agenda.correct(stream, at, revision);
      }
    }
    mailboxes.rested(mailbox);
  }

  /** Tells the callers of what will not be finished. A source is told nothing: it sends again from where it knows of an end. */
  function dismiss(mailbox: Mailbox): void {
    const dismissed = (item: Queued, answer: Answer) => {
      if (item.kind !== 'signal' || item.mark === undefined) replies.answer(item, answer);
    };
    for (const item of mailbox.flight?.batch ?? []) {
      dismissed(item, failed('outcome-unknown', 'the node stopped before the store had said whether the message is durable'));
    }
    for (let item = mailbox.shift(); item !== undefined; item = mailbox.shift()) {
      dismissed(item, failed('draining', 'the node stopped before the message was taken'));
    }
  }

  async function stop(drainMs: number): Promise<void> {
    if (state === 'stopped') return;
    if (state !== 'failed') state = 'draining';
    await outbox.stop();
    // Counted in steps: the clock may be set back meanwhile.
    for (let waitedMs = 0; backlog.messages > 0 && waitedMs < drainMs; waitedMs += DRAIN_STEP_MS) {
      await new Promise<void>((resolve) => void clock.after(DRAIN_STEP_MS, resolve));
    }
    for (const mailbox of mailboxes.all()) dismiss(mailbox);
    await agenda.stop();
    mailboxes.stop();
    life.stop();
    state = 'stopped';
  }

  return {
    storeId: store.storeId,
    definitions,
    deliver: (delivery) => reception.deliver(delivery),
    withdraw: (delivery) => reception.withdraw(delivery),
    query: (request, done) => reads.query(request, done),
    view: (type, id, options) => reads.view(type, id, options),
    history: (type, id, from, limit) => reads.history(type, id, from, limit),
    run: (type, id, signalId) => reads.run(type, id, signalId),
    admin: (request) => operations.run(request),
    status: () => ({ state, reasons: state === 'running' ? [] : [`host is ${state}`] }),
    metrics: () =>
      metricsOf(counters, {
        entities: mailboxes.count,
        entity_bytes: mailboxes.stateBytes,
        queued_messages: backlog.messages,
        queued_bytes: backlog.bytes,
        rehydrating: life.rehydrating,
        outbox_pending: outbox.pending,
      }),
    start: async () => {
      await agenda.start();
      await outbox.start();
      if (state === 'starting') state = 'running';
    },
    stop,
  };
}

function metricsOf(counters: Counters, gauges: Readonly<Record<string, number>>): HostMetrics {
  return { counters: { ...counters }, gauges };
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
