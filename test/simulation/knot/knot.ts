import { durable, serial } from 'perdure';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import type { EntityDefinition } from '../../../runtime/core/definition/erased.ts';
import { carryOut } from './interpret.ts';
import { Knot, model } from './model.ts';
import { timerProgram } from './timer-programs.ts';

const make = (isSound: boolean) =>
  model.implement({
    signals: {
      bump: (knot, { from, n, bad }) => {
        knot.emit.Bumped({ from, n });
        if (bad && !isSound) throw new Error('older code');
        return { bumps: knot.state().bumps };
      },
      take: (knot, units) => {
        if (knot.state().units < units.amount) throw Knot.reject('short');
        knot.emit.Taken(units);
        return { units: knot.state().units };
      },
      give: (knot, units) => {
        knot.emit.Given(units);
        return { units: knot.state().units };
      },
      ungive: (knot, { tag }) => {
        const amount = knot.state().gifts[tag];
        if (amount !== undefined) knot.emit.Ungiven({ tag, amount });
      },
      hold: (knot, units) => {
        if (knot.state().units < units.amount) throw Knot.reject('short');
        knot.emit.Held(units);
      },
      free: (knot, { tag }) => {
        if (tag in knot.state().reserved) knot.emit.Freed({ tag });
      },
      stop: (knot, { name }) => knot.cancel(name),
      work: durable(async (run, { program }) => carryOut(run, program, isSound)),
      queue: serial(async (run, { program }) => carryOut(run, program, isSound)),
      only: durable(async (run, { program }) => carryOut(run, program, isSound)),
    },
    timers: {
      tick: (knot) => knot.emit.Bumped({ from: `timer of ${knot.id}`, n: 0 }),
      later: durable(async (run, key) => {
        await carryOut(run, timerProgram(key), isSound);
      }),
    },
    queries: { view: (state) => state },
  });

/** As it should be. */
export const soundKnot: EntityDefinition = definitionOf(make(true));

/** An older version: some of its steps and signals are defective. */
export const defectiveKnot: EntityDefinition = definitionOf(make(false));
