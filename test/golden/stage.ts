import type { MemoryLog } from '../../runtime/adapters/memory/event-store-log.ts';
import { emptyReadContents } from '../../runtime/adapters/memory/read-store.ts';
import type { Answer } from '../../runtime/core/answer.ts';
import { definitionOf } from '../../runtime/core/definition/entity.ts';
import type { ActivityImplementation, AnyImplementation, Envelope } from '../../runtime/core/definition/types.ts';
import { LIMITS } from '../../runtime/core/limits.ts';
import { checkedFreeze } from '../../runtime/core/plain.ts';
import type { MessageContext } from '../../runtime/core/turn/input.ts';
import { guard, installGuard } from '../../runtime/host/guard.ts';
import { createHost, type Host } from '../../runtime/host/host.ts';
import type { AdminRequest, CallbackRequest } from '../../runtime/host/surface.ts';
import { drained } from '../../runtime/testing/drained.ts';
import { Mortal } from '../../runtime/testing/mortal.ts';
import { MortalEventStore, MortalReadStore } from '../../runtime/testing/mortal-stores.ts';
import { Dice } from '../../runtime/testing/simulation/dice.ts';
import { VirtualTime } from '../../runtime/testing/virtual-time.ts';

/** What a stage runs. */
export interface Cast {
  readonly entities: readonly AnyImplementation[];
  readonly activities: readonly ActivityImplementation[];
  /** Largest append. */
  readonly maxTurnBytes?: number;
}

/** How a message is sent. */
export interface Sending {
  /** Its sender chose this id. */
  readonly id?: string;
  /** Its sender waits for the outcome. */
  readonly isUpdate?: true;
  readonly context?: MessageContext;
}

/**
 * A node on a log in memory, in virtual time that moves only when it is told to; defects are recorded and not thrown. Same log, same calls, same records.
 */
export class Stage {
  readonly #log: MemoryLog;
  readonly #time: VirtualTime;
  readonly #dice: Dice;
  readonly #release = installGuard();
  #life: Mortal;
  #host: Host;
  #lives = 0;

  private constructor(log: MemoryLog, startMs: number, cast: Cast) {
    this.#log = log;
    this.#time = new VirtualTime(startMs);
    this.#dice = new Dice('golden');
    this.#life = new Mortal(this.#time);
    this.#host = this.#compose(cast);
  }

  /** A node that has started at a time (milliseconds since 1970) and done what was due. */
  static async open(log: MemoryLog, startMs: number, cast: Cast): Promise<Stage> {
    const stage = new Stage(log, startMs, cast);
    await stage.#started();
    return stage;
  }

  get nowMs(): number {
    return this.#time.nowMs;
  }

  /** Hands a message over; the answer, undefined if there is none yet when all that follows at this time has happened. */
  async send({ type, id, name, payload }: Envelope, { id: chosen, isUpdate, context }: Sending = {}): Promise<Answer | undefined> {
    let answer: Answer | undefined;
    this.#host.deliver({
      ...{ kind: 'signal', type, id, name, payload, mark: undefined, context, bytes: 0, state: 'waiting' },
      ...{ wants: isUpdate === true ? 'outcome' : 'durability', signalId: chosen ?? this.#dice.id(), idChosen: chosen !== undefined },
      done: (given) => {
        answer = given;
      },
    });
    await this.settled();
    return answer;
  }

  /** An operator's verb. Rejects as the host does. */
  async admin(request: Omit<AdminRequest, 'by' | 'why'>): Promise<void> {
    await this.#while(this.#host.admin({ ...request, by: 'operator', why: 'golden' }));
  }

  async callback(token: string, outcome: CallbackRequest['outcome']): Promise<void> {
    await this.#while(this.#host.callback({ token, outcome }));
  }

  /** Status and outcome of a run. */
  run(type: string, id: string, run: string): ReturnType<Host['run']> {
    return this.#while(this.#host.run(type, id, run, { waitMs: 0 }));
  }

  /** Time jumps; what is due by then happens, and what follows at that time. */
  async pass(ms: number): Promise<void> {
    this.#time.moveTo(this.#time.nowMs + ms);
    await this.settled();
  }

  /** Everything in memory is gone; another node starts on the same log, with another program if one is given. */
  async crash(cast: Cast): Promise<void> {
    this.#life.end();
    this.#life = new Mortal(this.#time);
    this.#host = this.#compose(cast);
    await this.#started();
  }

  /** The end: nothing goes on. */
  close(): void {
    this.#life.end();
    this.#release();
  }

  /** Resolves when nothing is left to do at this time. */
  async settled(): Promise<void> {
    do await drained();
    while (this.#time.step());
  }

  async #started(): Promise<void> {
    await this.#while(this.#host.start());
  }

  /** What is awaited needs steps of virtual time, and sometimes (a verb that releases) some milliseconds of it. */
  async #while<T>(asked: Promise<T>): Promise<T> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    asked.then(over, over);
    for (let ms = 0; ms < 100; ms += 1) {
      await this.pass(ms === 0 ? 0 : 1);
      if (isOver) return await asked;
    }
    throw new Error('it has no end in sight');
  }

  #compose({ entities, activities, maxTurnBytes = LIMITS.maxTurnBytes }: Cast): Host {
    const life = this.#life;
    this.#lives += 1;
    const dice = this.#dice.fork(`life ${this.#lives}`);
    return createHost({
      definitions: entities.map(definitionOf),
      activities,
      store: new MortalEventStore(this.#log, life),
      rows: new MortalReadStore(emptyReadContents(), life),
      clock: life.clock,
      drained: (run) => life.soon(run),
      entropy: { turnId: () => dice.id(), random: () => dice.next(), incarnation: dice.id() },
      guard,
      log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
      limits: { maxTurnBytes },
      freeze: checkedFreeze,
    });
  }
}

function ignore(): void {
  // What went wrong is what the records tell.
}
