import { createMemoryLog, type MemoryLog, memoryHead, writeTurn } from '../../../runtime/adapters/memory/event-store-log.ts';
import { emptyReadContents } from '../../../runtime/adapters/memory/read-store.ts';
import type { Answer } from '../../../runtime/core/answer.ts';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import type { ActivityImplementation, AnyImplementation, Envelope } from '../../../runtime/core/definition/types.ts';
import { checkedFreeze } from '../../../runtime/core/plain.ts';
import type { Commit } from '../../../runtime/core/record.ts';
import type { HostLimits } from '../../../runtime/host/context.ts';
import { guard, installGuard } from '../../../runtime/host/guard.ts';
import { createHost, type Host } from '../../../runtime/host/host.ts';
import type { Settled } from '../../../runtime/ports/event-store.ts';
import type { Delivery } from '../../../runtime/ports/signal-bus.ts';
import { drained } from '../../../runtime/testing/drained.ts';
import { Mortal } from '../../../runtime/testing/mortal.ts';
import { MortalEventStore, MortalReadStore } from '../../../runtime/testing/mortal-stores.ts';
import { Dice } from '../../../runtime/testing/simulation/dice.ts';
import { VirtualTime } from '../../../runtime/testing/virtual-time.ts';

export interface RunsWorldParts {
  readonly entities: readonly AnyImplementation[];
  readonly activities?: readonly ActivityImplementation[];
  readonly limits?: Partial<HostLimits>;
}

/** A message on its way, and what its sender was told. */
export interface Sent {
  readonly delivery: Delivery;
  readonly answers: readonly Answer[];
}

/** A host on stores in memory, in virtual time that moves only when it is told to, and with a store that fails as it is told to. */
export class RunsWorld {
  readonly #log: MemoryLog = createMemoryLog('runs-world');
  readonly #contents = emptyReadContents();
  readonly #time = new VirtualTime(1_700_000_000_000);
  readonly #dice = new Dice('runs-world');
  readonly #release = installGuard();
  #parts: RunsWorldParts;
  #lives = 0;
  #life = new Mortal(this.#time);
  store: MoodyStore;
  host: Host;
  /** What was logged, by every life. */
  readonly logged: { readonly event: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];

  private constructor(parts: RunsWorldParts) {
    this.#parts = parts;
    this.store = new MoodyStore(this.#log, this.#life);
    this.host = this.#compose();
  }

  /** A host that has started. */
  static async open(parts: RunsWorldParts): Promise<RunsWorld> {
    const world = new RunsWorld(parts);
    await world.during(world.host.start());
    return world;
  }

  get nowMs(): number {
    return this.#time.nowMs;
  }

  /** Hands a message over without waiting for anything. */
  hand({ type, id, name, payload }: Envelope, chosen?: string, wants: Delivery['wants'] = 'outcome'): Sent {
    const answers: Answer[] = [];
    const delivery: Delivery = {
      ...{ kind: 'signal', type, id, name, payload, mark: undefined, context: undefined, bytes: 10, state: 'waiting', wants },
      ...{ signalId: chosen ?? this.#dice.id(), idChosen: chosen !== undefined, done: (answer) => void answers.push(answer) },
    };
    this.host.deliver(delivery);
    return { delivery, answers };
  }

  /** Hands an update over, and lets all happen that follows now. */
  async update(message: Envelope, chosen?: string): Promise<Sent> {
    const sent = this.hand(message, chosen);
    await this.settled();
    return sent;
  }

  /** The value of a query on the last durable state. */
  async query({ type, id, name, payload }: Envelope): Promise<unknown> {
    const answer = await this.during(
      new Promise<Answer>((done) => this.host.query({ type, id, name, input: payload, strong: false }, done)),
    );
    if (answer.kind !== 'done') throw new Error(`${name}: ${answer.code}`);
    return answer.result;
  }

  /** The value of a query of an entity that is in memory, without letting anything happen. */
  glance({ type, id, name, payload }: Envelope): unknown {
    let answer: Answer | undefined;
    this.host.query({ type, id, name, input: payload, strong: false }, (given) => {
      answer = given;
    });
    return answer?.kind === 'done' ? answer.result : undefined;
  }

  admin(type: string, id: string, verb: Parameters<Host['admin']>[0]['verb'], run?: string): ReturnType<Host['admin']> {
    return this.during(this.host.admin({ type, id, verb, by: 'ops', why: 'test', ...(run === undefined ? {} : { run }) }));
  }

  /** Time passes, a step at a time; what is due happens in its order. */
  async pass(ms: number): Promise<void> {
    const end = this.nowMs + ms;
    await this.settled();
    for (let next = this.#time.nextMs; next !== undefined && next <= end; next = this.#time.nextMs) {
      this.#time.moveTo(next);
      await this.settled();
    }
    this.#time.moveTo(end);
    await this.settled();
  }

  /** Resolves when nothing is left to do at this time. */
  async settled(): Promise<void> {
    do await drained();
    while (this.#time.step());
  }

  /** One step, and the promises before it: for what would never be settled. */
  async step(): Promise<void> {
    await drained();
    this.#time.step();
  }

  /** Awaits something that needs steps of virtual time, at most ten minutes of it. */
  async during<T>(asked: Promise<T>): Promise<T> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    asked.then(over, over);
    for (let seconds = 0; seconds < 600; seconds += 1) {
      await this.pass(seconds === 0 ? 0 : 1_000);
      if (isOver) return await asked;
    }
    throw new Error('it has no end in sight');
  }

  /** Another process writes a turn of one event to a stream. */
  intrude(stream: string, type: string, data: unknown): void {
    const expectedRevision = memoryHead(this.#log, stream);
    writeTurn(this.#log, { stream, expectedRevision, turnId: this.#dice.id(), time: this.nowMs, records: [{ type, data, meta: {} }] });
  }

  /** Everything in memory is gone; another host starts on the same stores, with other parts if they are given. */
  async crash(parts: Partial<RunsWorldParts> = {}): Promise<void> {
    this.#parts = { ...this.#parts, ...parts };
    this.#life.end();
    this.#life = new Mortal(this.#time);
    this.store = new MoodyStore(this.#log, this.#life);
    this.host = this.#compose();
    await this.during(this.host.start());
  }

  counter(name: string): number {
    return this.host.metrics().counters[name] ?? 0;
  }

  gauge(name: string): number {
    return this.host.metrics().gauges[name] ?? 0;
  }

  close(): void {
    this.#life.end();
    this.#release();
  }

  #compose(): Host {
    const { entities, activities = [], limits = {} } = this.#parts;
    this.#lives += 1;
    const dice = this.#dice.fork(`life ${this.#lives}`);
    const life = this.#life;
    const log = (event: string, fields: Readonly<Record<string, unknown>>) => void this.logged.push({ event, fields });
    return createHost({
      definitions: entities.map(definitionOf),
      activities,
      store: this.store,
      rows: new MortalReadStore(this.#contents, life),
      clock: life.clock,
      drained: (run) => life.soon(run),
      entropy: { turnId: () => dice.id(), random: () => dice.next(), incarnation: dice.id() },
      guard,
      log: { debug: log, info: log, warn: log, error: log },
      limits,
      freeze: checkedFreeze,
    });
  }
}

/** What becomes of appends: `kept` is neither written nor answered until the mood changes, `silent` is written and its answer is lost. */
export type Mood = 'fine' | 'kept' | 'silent' | 'refused';

/** A store that is as well as a test says. */
export class MoodyStore extends MortalEventStore {
  readonly #kept: { readonly commits: readonly Commit[]; readonly settled: Settled }[] = [];
  #mood: Mood = 'fine';

  get mood(): Mood {
    return this.#mood;
  }

  set mood(mood: Mood) {
    this.#mood = mood;
    if (mood !== 'kept') for (const { commits, settled } of this.#kept.splice(0)) this.append(commits, settled);
  }

  override append(commits: readonly Commit[], settled: Settled): void {
    const mood = this.#mood;
    if (mood === 'kept') this.#kept.push({ commits, settled });
    else if (mood === 'fine') super.append(commits, settled);
    else if (mood === 'silent') super.append(commits, (commit) => settled(commit, { kind: 'unknown', message: 'no answer came' }));
    else this.#refuse(commits, settled);
  }

  /** Later, never from inside of `append`: as the port says. */
  #refuse(commits: readonly Commit[], settled: Settled): void {
    void this.headPosition().then(() => {
      for (const commit of commits) settled(commit, { kind: 'refused', code: 'store-full', message: 'the disk is full' });
    });
  }
}
