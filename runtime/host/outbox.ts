import type { Answer } from '../core/answer.ts';
import { type JournalData, journalType, REPLY, type ReplyAddress, type ReplyPayload } from '../core/journal.ts';
import { LIMITS } from '../core/limits.ts';
import { homePartition } from '../core/partition.ts';
import { addressOf, type Position, type StoredTurn } from '../core/record.ts';
import type { Subscription } from '../ports/event-store.ts';
import type { Delivery } from '../ports/signal-bus.ts';
import type { HostContext } from './context.ts';
import type { DeadLetters } from './dead-letters.ts';

const SAVE_MS = 1_000;
const WATERMARK = 'outbox';
const SENT = journalType('SignalSent');

/** A send on its way. */
interface Place {
  readonly turn: Position;
  done: boolean;
}

/**
 * The outbox: carries out the sends that turns recorded, by following the log.
 *
 * Invariants:
 * S1. Sends of one sender partition reach every receiver in log order, each with its place as mark: the receiver drops what it has handled.
 * S2. The watermark only moves forward, and only over sends whose receiver has made them durable (or that are dead letters). After a crash the log is
 *     read again from there.
 * S4. Every call is answered: by its receiver, or, if it cannot be delivered, from here.
 * S3. At most `maxOutboxInFlight` sends are on their way; the rest waits in the log, not in memory.
 */
export class Outbox {
  readonly #context: HostContext;
  readonly #deliver: (delivery: Delivery) => void;
  readonly #deadLetters: DeadLetters;
  /** Sends on their way, in log order: the position of the turn that holds each, because a subscription cannot start inside one; and whether it is done. */
  #inFlight: Place[] = [];
  #scanned: Position = 0;
  #saved: Position = 0;
  #resume: (() => void) | undefined;
  #waiting: { readonly position: Position; readonly resolve: () => void }[] = [];
  #subscription: Subscription | undefined;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(context: HostContext, deliver: (delivery: Delivery) => void, deadLetters: DeadLetters) {
    this.#context = context;
    this.#deliver = deliver;
    this.#deadLetters = deadLetters;
  }

  /** Number of sends on their way. */
  get pending(): number {
    return this.#inFlight.length;
  }

  /** Resolves when every send recorded before or at a position has reached its receiver. */
  passed(position: Position): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ position, resolve });
      this.#tellPassed();
    });
  }

  #tellPassed(): void {
    if (this.#waiting.length === 0) return;
    const watermark = this.#watermark();
    for (const { position, resolve } of this.#waiting) if (position < watermark) resolve();
    this.#waiting = this.#waiting.filter(({ position }) => position >= watermark);
  }

  /** First position that may hold a send which has not reached its receiver. */
  #watermark(): Position {
    return this.#inFlight.find((place) => !place.done)?.turn ?? this.#scanned;
  }

  async start(): Promise<void> {
    const saved = await this.#context.store.getValue(WATERMARK);
    this.#saved = saved === undefined ? 0 : Number(new TextDecoder().decode(saved));
    this.#scanned = this.#saved;
    this.#subscription = this.#context.store.subscribe({ from: this.#saved, types: [SENT] });
    void this.#follow(this.#subscription);
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    this.#subscription?.close();
    // The next start reads the log again from the watermark before: no reason not to stop.
    await this.#save().catch((error: unknown) => this.#context.log.error('watermark-not-saved', { error }));
  }

  async #follow(subscription: Subscription): Promise<void> {
    try {
      for await (const batch of subscription) {
        for (const turn of batch.turns) this.#scan(turn);
        this.#scanned = batch.checkpoint;
        this.#tellPassed();
        if (this.#inFlight.length >= LIMITS.maxOutboxInFlight)
          await new Promise<void>((resolve) => {
            this.#resume = resolve;
          });
      }
    } catch (error) {
      this.#context.fail(error);
    }
  }

  #scan(turn: StoredTurn): void {
    for (let index = 0; index < turn.records.length; index += 1) {
      const record = turn.records[index];
      if (record === undefined || record.type !== SENT) continue;
      const sender = addressOf(turn.stream);
      if (sender === undefined) continue;
      const { storeId, partitions } = this.#context.store;
      const source = `${storeId}/${sender.type}/${homePartition(sender.id, partitions)}`;
      const position = turn.position + index;
      const place = { turn: turn.position, done: false };
      this.#inFlight.push(place);
      this.#context.counters.sends += 1;
      const { correlation, baggage, traceparent, run } = record.meta;
      const { type, id, name, payload, call, chain } = record.data as JournalData['SignalSent'];
      const reply = call === undefined || run === undefined ? undefined : { ...sender, run, call };
      this.#deliver({
        kind: 'signal',
        ...{ type, id, name, payload },
        ...(reply === undefined ? {} : { origin: { reply, ...(chain === undefined ? {} : { chain }) } }),
        wants: 'durability',
        signalId: `${turn.turnId}.${index}`,
        idChosen: false,
        mark: { source, position, index: 0 },
        context: {
          causation: record.meta.signal ?? run ?? turn.turnId,
          ...(correlation === undefined ? {} : { correlation }),
          ...(baggage === undefined ? {} : { baggage }),
          ...(traceparent === undefined ? {} : { traceparent }),
        },
        bytes: 0,
        done: (answer, delivery) => this.#answered(place, answer, delivery),
        state: 'waiting',
      });
    }
  }

  #answered(place: Place, answer: Answer, delivery: Delivery): void {
    if (answer.kind !== 'failed') {
      // A rejection is the receiver's decision and an end like any other.
      this.#finished(place);
      return;
    }
    if (delivery.origin?.reply !== undefined) this.#replyFailed(delivery, delivery.origin.reply, place, answer);
    else this.#undelivered(place, answer, delivery);
  }

  /** A call that found nobody to answer it: its caller is told from here, before the call counts as done (S4). */
  #replyFailed(call: Delivery, reply: ReplyAddress, place: Place, answer: Extract<Answer, { kind: 'failed' }>): void {
    const { code, message } = answer;
    const told = answer.code === 'forgotten' ? 'forgotten' : 'call-failed';
    const payload: ReplyPayload = {
      run: reply.run,
      call: reply.call,
      outcome: { kind: 'failed', code: told, message: `${code}: ${message}` },
    };
    this.#deliver({
      kind: 'signal',
      ...{ type: reply.type, id: reply.id, name: REPLY, payload },
      ...{ wants: 'durability', signalId: `${call.signalId}/reply`, idChosen: false, bytes: 0, state: 'waiting', context: undefined },
      // The place of the call itself, in a source of its own: told again after a crash, it is dropped.
      mark: call.mark === undefined ? undefined : { ...call.mark, source: `${call.mark.source}/failed` },
      done: (told) => {
        if (told.kind === 'failed' && told.code !== 'forgotten') this.#undelivered(place, told, call);
        else this.#undelivered(place, answer, call);
      },
    });
  }

  #undelivered(place: Place, answer: Extract<Answer, { kind: 'failed' }>, delivery: Delivery): void {
    // A forgotten entity's messages are dropped.
    if (answer.code === 'forgotten') {
      this.#finished(place);
      return;
    }
    const { type, id, name, payload, signalId, mark } = delivery;
    const letter = { type, id, name, payload, signalId, mark: mark ?? null, code: answer.code, message: answer.message };
    this.#deadLetters.put(letter).then(
      () => this.#finished(place),
      (error: unknown) => this.#context.fail(error),
    );
  }

  #finished(place: Place): void {
    place.done = true;
    let count = 0;
    while (this.#inFlight[count]?.done === true) count += 1;
    // In batches, so that taking from the front stays cheap however many are on their way.
    if (count >= 256 || count === this.#inFlight.length) this.#inFlight = this.#inFlight.slice(count);
    this.#tellPassed();
    if (this.#resume !== undefined && this.#inFlight.length < LIMITS.maxOutboxInFlight / 2) {
      const resume = this.#resume;
      this.#resume = undefined;
      resume();
    }
  }

  #schedule(): void {
    // A save under way when the outbox stops must not plan the next.
    if (this.#stopped) return;
    this.#cancel = this.#context.clock.after(SAVE_MS, () => {
      this.#save().then(
        () => this.#schedule(),
        (error: unknown) => {
          this.#context.log.error('watermark-not-saved', { error });
          this.#schedule();
        },
      );
    });
  }

  async #save(): Promise<void> {
    const watermark = this.#watermark();
    if (watermark <= this.#saved) return;
    await this.#context.store.putValue(WATERMARK, new TextEncoder().encode(String(watermark)));
    this.#saved = watermark;
  }
}
