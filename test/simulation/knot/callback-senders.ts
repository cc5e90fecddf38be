import type { PerdureError } from '../../../runtime/core/errors.ts';
import { errorSpec, isPerdureError } from '../../../runtime/core/errors.ts';
import type { CallbackRequest } from '../../../runtime/host/surface.ts';
import type { Dice } from '../../../runtime/testing/simulation/dice.ts';
import type { SimulatedNode } from '../../../runtime/testing/simulation/node.ts';
import type { World } from '../../../runtime/testing/simulation/world.ts';

/** A completion of a callback that somebody sent, and what he was told in the end. */
export interface Completion {
  readonly token: string;
  readonly isForged: boolean;
  readonly outcome: CallbackRequest['outcome'];
  /** Was it sent before the world ended? */
  isSent: boolean;
  /** `taken`, or the code of the refusal. */
  told: string | undefined;
}

/** What a forger puts behind a secret. */
export const FORGED = 'forged';

/**
 * People with links: each completes the callback whose token he was sent, sooner or later, sometimes twice, sometimes with another outcome, and repeats it
 * until he is told something final. Some try tokens that nobody made.
 */
export class CallbackSenders {
  readonly completions: Completion[] = [];
  readonly #world: World;
  readonly #dice: Dice;
  readonly #nodes: () => readonly SimulatedNode[];
  #serials = 0;

  constructor(world: World, dice: Dice, nodes: () => readonly SimulatedNode[]) {
    this.#world = world;
    this.#dice = dice;
    this.#nodes = nodes;
  }

  /** Somebody got a token. */
  take(token: string): void {
    const dice = this.#dice;
    this.#serials += 1;
    const outcome = dice.chance(0.2)
      ? { error: { code: 'refused', message: `no ${this.#serials}` } }
      : { result: { serial: this.#serials } };
    const delayMs = dice.pick([0, 10, 200, 2_500]);
    if (dice.chance(0.3)) this.#send({ token: `${token}${FORGED}`, isForged: true, outcome: { result: { serial: 0 } } }, delayMs / 2);
    this.#send({ token, isForged: false, outcome }, delayMs);
    if (dice.chance(0.3)) this.#send({ token, isForged: false, outcome }, delayMs * 2);
    if (dice.chance(0.3)) this.#send({ token, isForged: false, outcome: { result: { serial: -this.#serials } } }, delayMs * 2);
  }

  #send(request: Omit<Completion, 'told' | 'isSent'>, delayMs: number): void {
    const completion: Completion = { ...request, isSent: false, told: undefined };
    this.completions.push(completion);
    this.#world.plan('callback', delayMs, () => this.#ask(completion));
  }

  #ask(completion: Completion): void {
    const nodes = this.#nodes();
    if (nodes.length === 0) {
      this.#again(completion);
      return;
    }
    completion.isSent = true;
    const { host, life } = this.#dice.pick(nodes);
    const { token, outcome } = completion;
    const asked = { isAnswered: false };
    const answered = (then: () => void) => {
      if (asked.isAnswered || completion.told !== undefined) return;
      asked.isAnswered = true;
      then();
    };
    // A node that dies answers nobody: whoever asked it asks again.
    life.onEnd(() => answered(() => this.#again(completion)));
    host.callback({ token, outcome }).then(
      () => answered(() => this.#told(completion, 'taken')),
      (error: PerdureError) => answered(() => this.#refused(completion, error)),
    );
  }

  #refused(completion: Completion, error: unknown): void {
    const code = isPerdureError(error) ? error.code : String(error);
    if (isPerdureError(error) && errorSpec(error.code).retry !== 'never') this.#again(completion);
    else this.#told(completion, code);
  }

  #told(completion: Completion, what: string): void {
    completion.told ??= what;
    this.#world.note('callback told', what);
  }

  #again(completion: Completion): void {
    this.#world.plan('callback', 300, () => {
      if (completion.told === undefined) this.#ask(completion);
    });
  }
}
