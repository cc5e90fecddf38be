import { AsyncLocalStorage } from 'node:async_hooks';
import childProcess from 'node:child_process';
import crypto from 'node:crypto';
import dns from 'node:dns';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import { PerdureError } from '../core/errors.ts';
import { type Random, randomFrom, uuidFrom } from '../core/random.ts';
import type { RunScope } from '../core/run/scope.ts';
import type { Guard } from './context.ts';

/**
 * The determinism guard: while user code of a turn runs, what is not deterministic is answered from the turn or refused.
 *
 * Invariants:
 * N1. It acts only inside `run`, which is synchronous, and in what `scoped` was handed, however long that waits: code that runs between turns, or in
 *     the same drain (HTTP, the store, timers of the process), never meets it.
 * N2. Clock and randomness answer from the turn; what waits or does I/O throws `determinism`, naming the call and what to use instead.
 * N3. The last `uninstall` puts everything back.
 *
 * It catches accidents; it is no sandbox.
 */

/** What answers clock and randomness. */
interface Answering {
  readonly nowMs: number;
  readonly seed: string;
  random: Random | undefined;
}
/** The turn whose user code runs now. A variable is enough: plain handlers, reducers and queries never await. */
let active: Answering | undefined;

/** The run that code stands in, after whichever await. Enabled by the first durable handler: it makes every promise of the process a little dearer. */
const runs = new AsyncLocalStorage<ScopedRun>();
let isScoping = false;
/** A run's scope as the guard sees it; each segment has a seed of its own. */
class ScopedRun implements Answering {
  readonly scope: RunScope;
  #random: Random | undefined;
  #randomSeed = '';
  constructor(scope: RunScope) {
    this.scope = scope;
  }
  get nowMs(): number {
    return this.scope.nowMs;
  }
  get seed(): string {
    return this.scope.seed;
  }
  get random(): Random | undefined {
    return this.#randomSeed === this.seed ? this.#random : undefined;
  }
  set random(random: Random | undefined) {
    this.#random = random;
    this.#randomSeed = this.seed;
  }
}

/** What answers for the code that runs now, undefined outside of user code. */
function answering(): Answering | undefined {
  return active ?? (isScoping ? runs.getStore() : undefined);
}

/** Runs `work` as user code of a turn. */
export const guard: Guard = {
  run: (nowMs, seed, work, ...args) => {
    const outer = active;
    active = { nowMs, seed, random: undefined };
    try {
      return work(...args);
    } finally {
      active = outer;
    }
  },
  scoped: (scope, work) => {
    isScoping = true;
    const outer = active;
    // Its first stretch runs inside the turn's own `run`: a replay has another time than the turn that needs it.
    const scoped = new ScopedRun(scope);
    active = scoped;
    try {
      return runs.run(scoped, work);
    } finally {
      active = outer;
    }
  },
};

/** A promise of a durable handler was rejected and nobody took it: its run is told. What is not a run's goes the way Node has for it. */
function onUnhandled(reason: unknown): void {
  const scoped = runs.getStore();
  if (scoped !== undefined) scoped.scope.unhandled(reason);
  else if (process.listenerCount('unhandledRejection') === 1) throw reason;
}

function datedNow(args: readonly unknown[]): readonly unknown[] {
  const turn = answering();
  return turn === undefined ? args : [turn.nowMs];
}

function turnRandom(turn: Answering): Random {
  turn.random ??= randomFrom(`${turn.seed}/guard`);
  return turn.random;
}

type Callable = (this: unknown, ...args: unknown[]) => unknown;
/** One place where the guard stands in front: an object and the name of its function. */
interface Post {
  readonly on: object;
  readonly name: string;
  readonly original: unknown;
}
let posts: Post[] = [];
let installations = 0;

/** Puts the guard in place (once per process, however often it is called). Returns what takes it away again. */
export function installGuard(): () => void {
  installations += 1;
  if (installations === 1) {
    answerFromTurn();
    refuse();
    process.on('unhandledRejection', onUnhandled);
    syncBuiltinESMExports();
  }
  let done = false;
  return () => {
    if (done) return;
    done = true;
    installations -= 1;
    if (installations === 0) uninstall();
  };
}

function uninstall(): void {
  for (const { on, name, original } of posts.reverse()) Reflect.set(on, name, original);
  posts = [];
  process.off('unhandledRejection', onUnhandled);
  syncBuiltinESMExports();
}

function post(on: object, name: string, replacement: unknown): void {
  posts.push({ on, name, original: Reflect.get(on, name) });
  Reflect.set(on, name, replacement);
}

function answerFromTurn(): void {
  const RealDate = Date;
  const realNow = Date.now;
  const realRandom = Math.random;
  const realUuid = crypto.randomUUID;
  const GuardedDate: DateConstructor = new Proxy<DateConstructor>(RealDate, {
    construct: (target, args, newTarget): object =>
      Reflect.construct(target, args.length === 0 ? datedNow(args) : args, newTarget === GuardedDate ? target : newTarget),
    apply: (target, self, args) => {
      const turn = answering();
      return turn === undefined ? Reflect.apply(target, self, args) : new RealDate(turn.nowMs).toString();
    },
  });
  const uuid = (...args: Parameters<typeof realUuid>) => {
    const turn = answering();
    return turn === undefined ? realUuid(...args) : uuidFrom(turnRandom(turn));
  };
  post(globalThis, 'Date', GuardedDate);
  post(RealDate.prototype, 'constructor', GuardedDate);
  post(RealDate, 'now', () => answering()?.nowMs ?? realNow());
  post(Math, 'random', () => {
    const turn = answering();
    return turn === undefined ? realRandom() : turnRandom(turn).next();
  });
  post(crypto, 'randomUUID', uuid);
  post(globalThis.crypto, 'randomUUID', uuid);
}

const WAITS = 'a timer of the entity (turn.timers), or run.sleep in a durable handler';
const OUTSIDE = 'an activity';
const RANDOM = 'turn.random() or turn.uuid()';

function refuse(): void {
  for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) refuseCall(globalThis, name, name, WAITS);
  for (const module of [timers, timersPromises]) {
    for (const name of ['setTimeout', 'setInterval', 'setImmediate']) refuseCall(module, name, name, WAITS);
  }
  refuseCall(globalThis, 'fetch', 'fetch', OUTSIDE);
  for (const name of ['randomBytes', 'randomInt', 'randomFillSync', 'randomFill']) refuseCall(crypto, name, `crypto.${name}`, RANDOM);
  refuseCall(globalThis.crypto, 'getRandomValues', 'crypto.getRandomValues', RANDOM);
  refuseCall(performance, 'now', 'performance.now', 'turn.now()');
  refuseCall(process.hrtime, 'bigint', 'process.hrtime.bigint', 'turn.now()');
  refuseCall(process, 'hrtime', 'process.hrtime', 'turn.now()');
  refuseCall(net.Socket.prototype, 'connect', 'opening a socket', OUTSIDE);
  refuseCall(dns, 'lookup', 'dns.lookup', OUTSIDE);
  for (const module of [http, https]) for (const name of ['request', 'get']) refuseCall(module, name, `http.${name}`, OUTSIDE);
  for (const name of ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync'])
    refuseCall(childProcess, name, `child_process.${name}`, OUTSIDE);
  refuseFiles(fs, 'fs');
  refuseFiles(fs.promises, 'fs.promises');
}

/** Every function that touches a file by its path. What works on open descriptors stays: a log or console.log writes with it. */
const FILES =
  /^(access|append|chmod|chown|copy|cp|create|exists|link|lstat|mkdir|open|readdir|readFile|readlink|realpath|rename|rm|stat|symlink|truncate|unlink|utimes|watch|writeFile)/;
function refuseFiles(module: object, prefix: string): void {
  for (const name of Object.keys(module)) {
    if (FILES.test(name) && typeof Reflect.get(module, name) === 'function') refuseCall(module, name, `${prefix}.${name}`, OUTSIDE);
  }
}

function refuseCall(on: object, name: string, shown: string, instead: string): void {
  const original: unknown = Reflect.get(on, name);
  if (typeof original !== 'function') return;
  const call = original as Callable;
  const guarded = function (this: unknown, ...args: unknown[]): unknown {
    if (answering() !== undefined) {
      throw new PerdureError('determinism', `${shown} inside a handler, reducer or query is not deterministic; use ${instead}`);
    }
    return new.target === undefined
      ? Reflect.apply(call, this, args)
      : Reflect.construct(call, args, new.target === guarded ? call : new.target);
  };
  Object.defineProperties(guarded, Object.getOwnPropertyDescriptors(call));
  post(on, name, guarded);
}
