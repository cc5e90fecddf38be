import { type Answer, failed } from '../core/answer.ts';
import type { EntityDefinition } from '../core/definition/erased.ts';
import { PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { ReadStore } from '../ports/read-store.ts';
import type { Delivery } from '../ports/signal-bus.ts';
import { Agenda, agendaEntity } from './agenda.ts';
import { Backlog } from './backlog.ts';
import type { Entropy, Guard, HostContext, HostLimits, HostLog } from './context.ts';
import { Counters } from './counters.ts';
import { DeadLetters } from './dead-letters.ts';
import { Life } from './life.ts';
import type { Mailbox, Queued } from './mailbox.ts';
import { Mailboxes } from './mailboxes.ts';
import { Operations } from './operations.ts';
import { Outbox } from './outbox.ts';
import { Reads } from './reads.ts';
import { Replies } from './replies.ts';
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
  const operations = new Operations(context, mailboxes, life);
  const outbox = new Outbox(context, (delivery) => deliver(delivery), new DeadLetters(context));
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
    const { image } = mailbox;
    if (mailbox.agendaWaits && image !== undefined) {
      const at = image.books.wakeAtMs;
      if (at === undefined || at > clock.now()) {
        mailbox.agendaWaits = false;
        agenda.correct(mailbox.stream, at, image.books.revision);
      }
    }
    mailboxes.rested(mailbox);
  }

  /** Why a message that no source keeps in order is not taken; undefined if it is. */
  function refusal(delivery: Delivery, mailbox: Mailbox): Answer | undefined {
    const { type, id, name } = delivery;
    if (state !== 'running') return failed('draining', `the node is ${state}`);
    if (mailbox.definition.signals.get(name) === undefined) return failed('unknown-signal', `${type} declares no signal '${name}'`);
    if (backlog.admits(delivery, mailbox.length)) return undefined;
    counters.overloaded += 1;
    return failed('overloaded', `${backlog.messages} messages (${backlog.bytes} bytes) wait, ${mailbox.length} of them for ${type}/${id}`);
  }

  function refuse(delivery: Delivery, answer: Answer): void {
    clock.soon(() => {
      delivery.state = 'answered';
      delivery.done(answer, delivery);
    });
  }

  function deliver(delivery: Delivery): void {
    const definition = definitions.get(delivery.type);
    if (definition === undefined) {
      refuse(delivery, failed('unknown-entity-type', `no entity of type '${delivery.type}' is registered`));
      return;
    }
    const mailbox = mailboxes.get(definition, delivery.id);
    const refused = delivery.mark === undefined ? refusal(delivery, mailbox) : undefined;
    if (refused !== undefined) {
      refuse(delivery, refused);
      return;
    }
    backlog.add(delivery);
    life.enqueue(mailbox, delivery);
  }

  function withdraw(delivery: Delivery): boolean {
    if (delivery.state === 'answered' || delivery.state === 'withdrawn') return false;
    const waiting = delivery.state === 'waiting';
    delivery.state = waiting ? 'withdrawn' : 'answered';
    backlog.remove(delivery);
    if (waiting) counters.withdrawn += 1;
    return waiting;
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
    const until = clock.now() + drainMs;
    await outbox.stop();
    while (backlog.messages > 0 && clock.now() < until) await new Promise<void>((resolve) => void clock.after(5, resolve));
    for (const mailbox of mailboxes.all()) dismiss(mailbox);
    await agenda.stop();
    mailboxes.stop();
    life.stop();
    state = 'stopped';
  }

  return {
    storeId: store.storeId,
    definitions,
    deliver,
    withdraw,
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
