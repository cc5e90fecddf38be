import { describe, expect, it } from 'vitest';
import { doing, Flow, Other, pay, refund } from './runs/flow.ts';
import { everyWay, RunWorld } from './runs/run-world.ts';

const declined = { kind: 'rejected', code: 'declined', details: null, by: 'pay', message: 'declined' } as const;

/** What was scheduled, by its input, in order. */
function inputs(world: RunWorld): readonly unknown[] {
  return world.of('Scheduled').map((what) => ('input' in what ? what.input : what.kind));
}

describe('sagas', () => {
  it('G1, G2: nothing is undone while a step is open; then last first, one after another', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            await run.saga(async (saga) => {
              await saga.map([1, 2, 3], async (n) => {
                saga.compensate(refund(`undo ${n}`));
                await saga.call(pay(n));
              });
            });
            return null;
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.outcome('go', 2, declined);
        await one.completed('go', 1);
        expect(inputs(one)).toEqual([1, 2, 3]);
        await one.completed('go', 3);
        for (const [at, call] of [4, 5, 6].entries()) {
          expect(inputs(one)).toHaveLength(4 + at);
          await one.completed('go', call);
        }
      },
    );
    expect(inputs(world)).toEqual([1, 2, 3, 'undo 3', 'undo 2', 'undo 1']);
    expect(world.outcomeOf('go')).toMatchObject({ kind: 'rejected', code: 'declined', by: 'pay' });
  });

  it('G1, G2: a saga in a saga that still works is waited for, and undone with it in the order of registration', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            await run.saga(async (outer) => {
              outer.compensate(refund('outer 1'));
              const inner = outer.saga(async (saga) => {
                saga.compensate(refund('inner 1'));
                await saga.call(pay('inner'));
                saga.compensate(refund('inner 2'));
                await saga.sleep(1_000_000);
              });
              outer.compensate(refund('outer 2'));
              await Promise.all([inner, outer.call(pay('outer'))]);
            });
            return null;
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.outcome('go', 2, declined);
        expect(inputs(one)).toEqual(['inner', 'outer']);
        await one.completed('go', 1);
        for (const call of [4, 5, 6, 7]) await one.completed('go', call);
      },
    );
    expect(inputs(world)).toEqual(['inner', 'outer', 'sleep', 'inner 2', 'outer 2', 'inner 1', 'outer 1']);
    expect(world.outcomeOf('go')).toMatchObject({ kind: 'rejected', code: 'declined' });
  });

  it('G1: a saga in a saga that is being undone is waited for', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            await run.saga(async (outer) => {
              outer.compensate(refund('outer'));
              const inner = outer.saga(async (saga) => {
                saga.compensate(refund('inner'));
                await saga.call(pay('inner'));
              });
              await Promise.all([inner, outer.call(pay('outer'))]);
            });
            return null;
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.outcome('go', 1, declined);
        expect(inputs(one)).toEqual(['inner', 'outer', 'inner']);
        await one.outcome('go', 2, { ...declined, code: 'declined', message: 'the second' });
        expect(inputs(one)).toHaveLength(3);
        await one.completed('go', 3);
        await one.completed('go', 4);
      },
    );
    expect(inputs(world)).toEqual(['inner', 'outer', 'inner', 'outer']);
  });

  it('G3: a compensation that fails for good stalls its run; resumed it is called again with the same key, never skipped', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            await run.saga(async (saga) => {
              saga.compensate(refund('first'));
              await saga.call(pay(1));
              saga.compensate(refund('second'));
              await saga.call(pay(2));
            });
            return null;
          },
        }),
      async (one) => {
        await one.signal('go', 1, 'go', { reply: { type: 'boss', id: 'b', run: 'r', call: 1 } });
        await one.completed('go', 1);
        await one.outcome('go', 2, declined);
        for (const call of [3, 5]) {
          await one.outcome('go', call, { kind: 'failed', code: 'defect', message: 'gateway says no' });
          expect(one.open('go')?.stalled).toMatchObject({ code: 'compensation-failed', resumes: 'trigger' });
          expect(one.replies).toEqual([]);
          await one.operator('resumeRuns');
          expect(one.open('go')?.stalled).toBeUndefined();
        }
        await one.completed('go', 7);
        await one.completed('go', 8);
      },
    );
    expect(inputs(world)).toEqual([1, 2, 'second', 'resume', 'second', 'resume', 'second', 'first']);
    const keys = world.of('Scheduled').flatMap((what) => ('input' in what && what.activity === 'refund' ? [what.key] : []));
    expect(new Set(keys.slice(0, 3)).size).toBe(1);
    expect(new Set(keys).size).toBe(2);
    expect(world.replies).toMatchObject([{ outcome: { kind: 'rejected', code: 'declined' } }]);
  });

  it('G3: a retry under code that diverges leaves what is resumed as it was', async () => {
    const good = () =>
      doing({
        go: async (run) => {
          await run.saga(async (saga) => {
            saga.compensate(refund(1));
            await saga.call(pay(1));
          });
          return null;
        },
      });
    const world = new RunWorld(good(), 'crashes');
    await world.signal('go');
    await world.outcome('go', 1, declined);
    await world.outcome('go', 2, { kind: 'failed', code: 'defect', message: 'no' });
    world.deploy(doing({ go: (run) => run.sleep(1) }));
    await world.operator('resumeRuns');
    expect(world.open('go')?.stalled).toMatchObject({ code: 'replay-diverged', resumes: 'trigger' });
    world.deploy(good());
    await world.operator('resumeRuns');
    await world.completed('go', 4);
    expect(world.outcomeOf('go')).toMatchObject({ kind: 'rejected', code: 'declined' });
    expect(inputs(world)).toEqual([1, 1, 'resume', 1]);
  });

  it('G4: a compensation registered before its step carries the key of the step, one registered after it its own', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            await run.saga(async (saga) => {
              saga.compensate(refund('before'));
              await saga.call(pay('step'));
              saga.compensate(refund('after'));
              throw Flow.reject('no');
            });
            return null;
          },
        }),
      async (one) => {
        await one.signal('go');
        for (const call of [1, 2, 3]) await one.completed('go', call);
      },
    );
    const keys = world.of('Scheduled').map((what) => ('input' in what ? [what.input, what.key] : []));
    expect(keys).toEqual([
      ['step', undefined],
      ['after', undefined],
      ['before', expect.any(String)],
    ]);
  });

  it('G5: what a saga that returned had registered is undone by the one around it', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            await run.saga(async (outer) => {
              outer.compensate(refund('outer'));
              await outer.saga(async (saga) => {
                saga.compensate(refund('inner'));
                await saga.call(pay('inner'));
              });
              throw Flow.reject('no');
            });
            return null;
          },
        }),
      async (one) => {
        await one.signal('go');
        for (const call of [1, 2, 3]) await one.completed('go', call);
      },
    );
    expect(inputs(world)).toEqual(['inner', 'inner', 'outer']);
    expect(world.outcomeOf('go')).toMatchObject({ kind: 'rejected', code: 'no' });
  });

  it('G6: a branch that wakes after the saga is over can start nothing, and nothing is undone twice', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            await run
              .saga(async (saga) => {
                const late = async () => {
                  await saga.sleep(1_000);
                  saga.compensate(refund('late'));
                  await saga.call(pay('late'));
                };
                const inner = saga.saga(async (one) => {
                  one.compensate(refund('inner'));
                  await one.sleep(2_000);
                  await one.call(pay('later'));
                });
                saga.compensate(refund('body'));
                await Promise.all([late(), inner, saga.call(pay('body'))]);
              })
              .catch(() => undefined);
            await run.sleep(5_000);
            return 'over';
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.outcome('go', 3, declined);
        await one.completed('go', 4);
        await one.completed('go', 5);
        while (await one.pass());
      },
    );
    expect(inputs(world).filter((input) => typeof input === 'string' && input !== 'sleep')).toEqual(['body', 'body', 'inner']);
    expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: 'over' });
  });

  it('G2, E4: a run that is cancelled while it undoes goes on undoing, and is told at what it starts next', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            await run
              .saga(async (saga) => {
                saga.compensate(Other('x').ask('undo 1'));
                saga.compensate(Other('x').ask('undo 2'));
                await saga.call(pay(1));
              })
              .catch(() => undefined);
            await run.sleep(1_000);
            return null;
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.outcome('go', 1, declined);
        await one.operator('cancel');
        await one.reply('go', 2, { kind: 'completed', value: null });
        await one.reply('go', 3, { kind: 'completed', value: null });
      },
    );
    expect(world.of('SignalSent').map(({ name, payload }) => [name, payload])).toEqual([
      ['ask', 'undo 2'],
      ['ask', 'undo 1'],
    ]);
    expect(world.outcomeOf('go')).toEqual({ kind: 'cancelled' });
  });

  it('E5, Z1: a run ends when its other saga has ended too, and what that one asked for stands', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            await Promise.all([
              run.saga(async (saga) => {
                saga.compensate(refund('a'));
                await saga.call(pay('a 1'));
                await saga.call(pay('a 2'));
                run.emit.Said('a is done');
              }),
              run.saga(async (saga) => {
                saga.compensate(refund('b'));
                await saga.call(pay('b'));
              }),
            ]);
            return null;
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.outcome('go', 2, declined);
        expect(inputs(one)).toEqual(['a 1', 'b', 'b']);
        await one.completed('go', 3);
        expect(one.outcomeOf('go')).toBeUndefined();
        await one.completed('go', 1);
        await one.completed('go', 4);
      },
    );
    expect(inputs(world)).toEqual(['a 1', 'b', 'b', 'a 2']);
    expect(world.said()).toEqual(['a is done']);
    expect(world.outcomeOf('go')).toMatchObject({ kind: 'rejected', code: 'declined', by: 'pay' });
  });

  it('E5: the loser of a race goes on to its end, and a cancelled run undoes all its sagas', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            const one = (name: string) =>
              run.saga(async (saga) => {
                saga.compensate(refund(name));
                await saga.call(pay(name));
                await saga.call(pay(`${name} again`));
                return name;
              });
            await Promise.race([one('a'), one('b')]);
            return null;
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.completed('go', 1);
        await one.completed('go', 3);
        expect(one.outcomeOf('go')).toBeUndefined();
        await one.signal('stop', 'go');
        await one.completed('go', 2);
        await one.completed('go', 4);
      },
    );
    expect(inputs(world)).toEqual(['a', 'b', 'a again', 'b']);
    expect(world.outcomeOf('go')).toMatchObject({ kind: 'completed' });
  });

  it('E5: a defect does not wait: it stalls the run as it stands, with its other saga', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            await Promise.all([
              run.saga(async (saga) => {
                await saga.call(pay('a'));
              }),
              run.sleep(5).then(() => {
                throw new Error('a mistake');
              }),
            ]);
            return null;
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.pass();
      },
    );
    expect(world.of('RunStalled')).toMatchObject([{ code: 'defect', message: expect.stringContaining('a mistake') }]);
  });
});
