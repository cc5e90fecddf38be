import type { ActivityImplementation } from 'perdure';
import type { ActivityInfo } from '../../../runtime/core/definition/types.ts';
import type { Cluster } from '../../../runtime/testing/simulation/cluster.ts';
import type { Dice } from '../../../runtime/testing/simulation/dice.ts';
import type { Incarnation } from '../../../runtime/testing/simulation/incarnation.ts';
import type { World } from '../../../runtime/testing/simulation/world.ts';
import { CallbackSenders } from './callback-senders.ts';
import { charge, chore, type Errand, mail, type Receipt, refund } from './model.ts';
import type { Behaviour } from './program.ts';

/** One attempt as the outside world saw it. Steps are those of the world: they order what happens at one time. */
export interface Trial {
  readonly activity: string;
  readonly node: string;
  readonly key: string;
  readonly tag: string;
  readonly run: string;
  readonly attempt: number;
  /** The progress that it was handed. */
  readonly progress: unknown;
  readonly startStep: number;
  /** What the node's clock showed, milliseconds since 1970. */
  readonly startMs: number;
  /** Where the log ended when it started. */
  readonly startPosition: number;
  endStep: number | undefined;
  end: 'returned' | 'threw' | 'rejected' | undefined;
  /** The serial number of what it returned. */
  serial: number | undefined;
  /** When its signal was aborted. */
  abortedStep: number | undefined;
}

/** What the payment gateway knows of one key. */
export interface Account {
  charged: boolean;
  refunded: boolean;
}

const QUICK_MS = 5;
const SLOW_MS = 120;

/** Everything that activities meet, over all lives of all nodes. */
export class Outside {
  readonly trials: Trial[] = [];
  readonly accounts = new Map<string, Account>();
  readonly senders: CallbackSenders;
  readonly #world: World;
  readonly #cluster: () => Cluster;
  #serials = 0;

  constructor(world: World, dice: Dice, cluster: () => Cluster) {
    this.#world = world;
    this.#cluster = cluster;
    this.senders = new CallbackSenders(world, dice.fork('senders'), () => cluster().running);
  }

  /** The activities as one life of a node performs them. */
  activities(life: Incarnation): readonly ActivityImplementation[] {
    return [
      chore.implement((errand, info) => this.#perform('chore', life, errand, info)),
      charge.implement((errand, info) => this.#perform('charge', life, errand, info, () => this.#charged(info.idempotencyKey)), {
        concurrency: 3,
      }),
      refund.implement((errand, info) => this.#perform('refund', life, errand, info, () => this.#refunded(info.idempotencyKey))),
      mail.implement(async (letter, info) => {
        await this.#perform('mail', life, letter, info, () => this.senders.take(letter.token));
      }),
    ];
  }

  #charged(key: string): void {
    const account = this.#account(key);
    if (!account.refunded) account.charged = true;
  }

  #refunded(key: string): void {
    this.#account(key).refunded = true;
  }

  #account(key: string): Account {
    const account = this.accounts.get(key) ?? { charged: false, refunded: false };
    this.accounts.set(key, account);
    return account;
  }

  /** One attempt: behaves as it was asked to; `effect` is what it does outside, whatever it then says. */
  async #perform(
    activity: string,
    life: Incarnation,
    { behaviours, timeoutMs, tag }: Errand,
    info: ActivityInfo,
    effect: () => void = () => undefined,
  ): Promise<Receipt> {
    const trial = this.#begun(activity, life, tag, info);
    const behaviour = behaviours[Math.min(info.attempt, behaviours.length) - 1] ?? 'ok';
    const end = (how: Trial['end']) => {
      trial.end = how;
      trial.endStep = this.#world.steps;
    };
    const fail = (): never => {
      end('threw');
      throw new Error(`attempt ${info.attempt} failed`);
    };
    await this.#behave(behaviour, life, timeoutMs, info);
    if (behaviour === 'no') {
      end('rejected');
      throw activity === 'charge' ? charge.reject('declined') : chore.reject('declined');
    }
    if (behaviour === 'fail' || behaviour === 'lateFail' || behaviour === 'beats' || behaviour === 'obeys') return fail();
    effect();
    if (behaviour === 'twice') return fail();
    this.#serials += 1;
    trial.serial = this.#serials;
    end('returned');
    return { serial: trial.serial, attempt: info.attempt };
  }

  #begun(activity: string, life: Incarnation, tag: string, info: ActivityInfo): Trial {
    const { idempotencyKey: key, attempt, lastHeartbeat: progress, meta, signal } = info;
    const { world, skewMs } = life;
    const at = { startStep: world.steps, startMs: world.nowMs + skewMs, startPosition: this.#cluster().log.next };
    const ends = { endStep: undefined, end: undefined, serial: undefined, abortedStep: undefined };
    const trial: Trial = { activity, node: life.name, key, tag, run: meta.signalId, attempt, progress, ...at, ...ends };
    this.trials.push(trial);
    signal.addEventListener('abort', () => {
      trial.abortedStep = world.steps;
    });
    life.note('attempt', activity, tag, attempt);
    return trial;
  }

  /** Waits as the behaviour says. What a dead node is told nobody hears. */
  async #behave(behaviour: Behaviour, life: Incarnation, timeoutMs: number, info: ActivityInfo): Promise<void> {
    const wait = (ms: number) => this.#world.sleep(ms, `${life.name} ${behaviour}`);
    switch (behaviour) {
      case 'hang':
        return await new Promise(() => undefined);
      case 'late':
      case 'lateFail':
        return await wait(timeoutMs * 1.3 + 20);
      case 'beats':
        for (let n = 1; n <= 3 && !info.signal.aborted; n += 1) {
          info.heartbeat({ n: (isProgress(info.lastHeartbeat) ? info.lastHeartbeat.n : 0) + 1 });
          await wait(60);
        }
        return;
      case 'obeys':
        return await Promise.race([
          wait(timeoutMs * 0.9),
          new Promise<void>((stop) => info.signal.addEventListener('abort', () => stop())),
        ]);
      case 'slow':
      case 'twice':
        return await wait(SLOW_MS);
      case 'ok':
      case 'fail':
      case 'no':
        return await wait(QUICK_MS);
    }
  }
}

function isProgress(value: unknown): value is { readonly n: number } {
  return typeof value === 'object' && value !== null && 'n' in value && typeof value.n === 'number';
}
