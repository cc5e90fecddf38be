import { type Answer, failed } from '../core/answer.ts';
import type { Delivery } from '../ports/signal-bus.ts';
import type { Backlog } from './backlog.ts';
import type { HostContext } from './context.ts';
import type { Life } from './life.ts';
import type { Mailbox } from './mailbox.ts';
import type { Mailboxes } from './mailboxes.ts';
import type { Replies } from './replies.ts';
import type { HostStatus } from './surface.ts';

/**
 * Where deliveries come in: they are put into the mailbox of their entity, or refused.
 *
 * Invariants:
 * E1. A refusal is told later, never from inside `deliver` (D1 of the port).
 * E2. What comes from a source is never refused for lack of room or time: its source bounds itself and relies on order.
 */
export class Reception {
  readonly #context: HostContext;
  readonly #backlog: Backlog;
  readonly #mailboxes: Mailboxes;
  readonly #life: Life;
  readonly #replies: Replies;
  readonly #state: () => HostStatus['state'];

  constructor(
    context: HostContext,
    parts: { readonly backlog: Backlog; readonly mailboxes: Mailboxes; readonly life: Life; readonly replies: Replies },
    state: () => HostStatus['state'],
  ) {
    this.#context = context;
    this.#backlog = parts.backlog;
    this.#mailboxes = parts.mailboxes;
    this.#life = parts.life;
    this.#replies = parts.replies;
    this.#state = state;
  }

  /** Takes a delivery. */
  deliver(delivery: Delivery): void {
    const definition = this.#context.definitions.get(delivery.type);
    if (definition === undefined) {
      this.#refuse(delivery, failed('unknown-entity-type', `no entity of type '${delivery.type}' is registered`));
      return;
    }
    const mailbox = this.#mailboxes.get(definition, delivery.id);
    const refused = delivery.mark === undefined ? this.#refusal(delivery, mailbox) : undefined;
    if (refused !== undefined) {
      this.#refuse(delivery, refused);
      return;
    }
    this.#backlog.add(delivery);
    this.#life.enqueue(mailbox, delivery);
  }

  /** The caller waits no longer. True: it had not been taken and never will be. False: it was taken and goes on, told to nobody. */
  withdraw(delivery: Delivery): boolean {
    if (delivery.state === 'taken' || delivery.state === 'joined') this.#replies.abandon(delivery);
    if (delivery.state !== 'waiting') return false;
    delivery.state = 'withdrawn';
    this.#backlog.remove(delivery);
    this.#context.counters.withdrawn += 1;
    return true;
  }

  /** Why a message that no source keeps in order is not taken; undefined if it is. */
  #refusal(delivery: Delivery, mailbox: Mailbox): Answer | undefined {
    const { type, id, name } = delivery;
    const state = this.#state();
    if (state !== 'running') return failed('draining', `the node is ${state}`);
    if (mailbox.definition.signals.get(name) === undefined) return failed('unknown-signal', `${type} declares no signal '${name}'`);
    const { messages, bytes } = this.#backlog;
    if (this.#backlog.admits(delivery, mailbox.length)) return undefined;
    this.#context.counters.overloaded += 1;
    return failed('overloaded', `${messages} messages (${bytes} bytes) wait, ${mailbox.length} of them for ${type}/${id}`);
  }

  #refuse(delivery: Delivery, answer: Answer): void {
    this.#context.clock.soon(() => {
      delivery.state = 'answered';
      delivery.done(answer, delivery);
    });
  }
}
