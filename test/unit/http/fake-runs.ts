import { z } from 'zod';
import { realClock } from '../../../runtime/adapters/real-clock.ts';
import { durable, serial } from '../../../runtime/core/definition/durable.ts';
import { definitionOf, entity } from '../../../runtime/core/definition/entity.ts';
import { signal } from '../../../runtime/core/definition/message.ts';
import { PerdureError } from '../../../runtime/core/errors.ts';
import { validate } from '../../../runtime/core/schema.ts';
import type { CallbackRequest, CallbackView, RunView } from '../../../runtime/host/surface.ts';

/** A contract of what only durable handlers have; nothing of it is run. */
export const Errand = entity(
  'errand',
  {
    start: signal({ output: z.object({ status: z.string() }), once: true }),
    step: signal(),
    note: signal(),
  },
  { rejects: ['too-far'] },
);
export const errand = definitionOf(
  Errand.fold(() => ({}), {}).implement({
    signals: { start: durable(async () => ({ status: 'done' })), step: serial(async () => undefined), note() {} },
  }),
);

/** Runs that a test opens, ends and stalls by hand, by their signal ids. */
export class FakeRuns {
  /** How long each caller was ready to wait. */
  readonly waited: number[] = [];
  readonly #views = new Map<string, RunView>();
  #changed: (() => void)[] = [];

  set(view: RunView): void {
    this.#views.set(view.signalId, view);
    this.tell();
  }

  /** Something has changed: those who wait look again. */
  tell(): void {
    for (const changed of this.#changed.splice(0)) changed();
  }

  /** The view once `look` finds no open run, or after `waitMs`. `look` comes after the runs set by hand. */
  async view(signalId: string, waitMs: number, look: () => RunView | undefined): Promise<RunView> {
    this.waited.push(waitMs);
    let isOver = false;
    const cancel = realClock.after(waitMs, () => {
      isOver = true;
      this.tell();
    });
    for (;;) {
      const view = this.#views.get(signalId) ?? look();
      if (view === undefined || !OPEN.includes(view.status) || isOver || waitMs === 0) {
        cancel();
        if (view === undefined) throw new PerdureError('unknown-run');
        return view;
      }
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }
}

const OPEN: readonly RunView['status'][] = ['held', 'queued', 'running'];

/** One callback that waits: token `token-1`, of run `s-1` of errand `7`, for `{yes: boolean}`. Another token is forged. */
export class FakeCallbacks {
  readonly asked: CallbackRequest[] = [];
  isClosed = false;
  #completed: string | undefined;

  async complete(request: CallbackRequest): Promise<CallbackView> {
    this.asked.push(request);
    const { token, outcome } = request;
    if (token !== 'token-1') throw new PerdureError('callback-forged');
    const told = JSON.stringify(outcome);
    if (this.#completed !== undefined && this.#completed !== told) throw new PerdureError('callback-completed');
    if (this.isClosed) throw new PerdureError('callback-closed');
    const checked = 'result' in outcome ? validate(ANSWER, outcome.result) : undefined;
    if (checked?.ok === false) throw new PerdureError('invalid-payload', 'the result does not fit', checked.issues);
    this.#completed = told;
    return { type: 'errand', id: '7', run: 's-1', position: 900 };
  }
}

const ANSWER = z.object({ yes: z.boolean() });
