import childProcess from 'node:child_process';
import crypto from 'node:crypto';
import dns from 'node:dns';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { PerdureError } from '../core/errors.ts';
import { type Random, randomFrom, uuidFrom } from '../core/random.ts';
import type { Guard } from './context.ts';

/**
 * The determinism guard: while user code of a turn runs, what is not deterministic is answered from the turn or refused.
 *
 * Invariants:
 * N1. It acts only inside `run`, which is synchronous: code that runs between turns (HTTP, the store, timers of the process) never meets it.
 * N2. Clock and randomness answer from the turn; what waits or does I/O throws `determinism`, naming the call and what to use instead.
 * N3. The last `uninstall` puts everything back.
 *
 * It catches accidents; it is no sandbox.
 */

/** The turn whose user code runs now. A variable is enough: plain handlers, reducers and queries never await. */
let active: { readonly nowMs: number; readonly seed: string; random: Random | undefined } | undefined;

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
};

function turnRandom(turn: NonNullable<typeof active>): Random {
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
      Reflect.construct(
        target,
        active !== undefined && args.length === 0 ? [active.nowMs] : args,
        newTarget === GuardedDate ? target : newTarget,
      ),
    apply: (target, self, args) => (active === undefined ? Reflect.apply(target, self, args) : new RealDate(active.nowMs).toString()),
  });
  const uuid = (...args: Parameters<typeof realUuid>) => (active === undefined ? realUuid(...args) : uuidFrom(turnRandom(active)));
  post(globalThis, 'Date', GuardedDate);
  post(RealDate.prototype, 'constructor', GuardedDate);
  post(RealDate, 'now', () => (active === undefined ? realNow() : active.nowMs));
  post(Math, 'random', () => (active === undefined ? realRandom() : turnRandom(active).next()));
  post(crypto, 'randomUUID', uuid);
  post(globalThis.crypto, 'randomUUID', uuid);
}

const WAITS = 'a timer of the entity (turn.timers)';
const OUTSIDE = 'an activity';
const RANDOM = 'turn.random() or turn.uuid()';

function refuse(): void {
  for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) refuseCall(globalThis, name, name, WAITS);
  refuseCall(globalThis, 'fetch', 'fetch', OUTSIDE);
  for (const name of ['randomBytes', 'randomInt', 'randomFillSync', 'randomFill']) refuseCall(crypto, name, `crypto.${name}`, RANDOM);
  refuseCall(globalThis.crypto, 'getRandomValues', 'crypto.getRandomValues', RANDOM);
  refuseCall(performance, 'now', 'performance.now', 'turn.now()');
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
    if (active !== undefined) {
      throw new PerdureError('determinism', `${shown} inside a handler, reducer or query is not deterministic; use ${instead}`);
    }
    return new.target === undefined
      ? Reflect.apply(call, this, args)
      : Reflect.construct(call, args, new.target === guarded ? call : new.target);
  };
  Object.defineProperties(guarded, Object.getOwnPropertyDescriptors(call));
  post(on, name, guarded);
}
