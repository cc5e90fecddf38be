import type { Envelope, SignalMessage } from '../core/definition/types.ts';
import { PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { signalId } from './ids.ts';
import type { Positions } from './positions.ts';
import { errorOf, isPassing, type ProblemBody } from './problem.ts';
import type { Transport } from './transport.ts';
import type { BatchFailure, Sent } from './types.ts';

/** Characters of one request: far below the server's limit in bytes, whatever the characters are. */
const MAX_REQUEST_LENGTH = 4 * 1024 * 1024;
const PAUSE_MS = 200;

interface Line extends Envelope {
  readonly signalId: string;
}

interface SendBatch {
  readonly ids?: readonly string[];
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Sends signals in order, a request after the other; lines that failed in passing are sent again with their ids while there is time. */
export async function sendBatch(transport: Transport, positions: Positions, messages: readonly SignalMessage[], options: SendBatch) {
  const { ids } = options;
  if (ids !== undefined && ids.length !== messages.length) {
    throw new PerdureError('malformed-request', `there are ${messages.length} messages and ${ids.length} ids`);
  }
  const lines = messages.map(({ type, id, name, payload }, n): Line => ({ type, id, name, payload, signalId: ids?.[n] ?? signalId() }));
  const until = performance.now() + options.timeoutMs;
  const results: (LineResult | undefined)[] = [];
  let open = lines.map((_line, n) => n);
  for (let round = 0; open.length > 0; round += 1) {
    if (round > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    for (const part of partsOf(lines, open)) {
      const leftMs = Math.max(1, until - performance.now());
      const asking = {
        method: 'POST' as const,
        path: '/v1/signals',
        body: part.map((n) => lines[n]),
        timeoutMs: leftMs,
        signal: options.signal,
      };
      const answers = (await transport.ask(asking, positions)).value as readonly LineResult[];
      for (const [n, at] of part.entries()) results[at] = answers[n];
    }
    open = open.filter((n) => isOpen(results[n]));
    if (performance.now() + PAUSE_MS >= until) break;
  }
  for (const result of results) positions.learn(result?.position ?? null);
  return settled(lines, results);
}

type LineResult = ProblemBody & { readonly status: number; readonly position?: string; readonly signalId?: string };

function isOpen(result: LineResult | undefined): boolean {
  return result !== undefined && result.status !== 202 && result.by === undefined && isPassing(result.status, result);
}

/** Cuts indices into requests by number and length. */
function partsOf(lines: readonly Line[], indices: readonly number[]): readonly (readonly number[])[] {
  const parts: number[][] = [];
  let length = 0;
  for (const n of indices) {
    const size = JSON.stringify(lines[n]).length;
    const part = parts.at(-1);
    if (part === undefined || part.length === LIMITS.maxBatchLines || length + size > MAX_REQUEST_LENGTH) {
      parts.push([n]);
      length = size;
    } else {
      part.push(n);
      length += size;
    }
  }
  return parts;
}

function settled(lines: readonly Line[], results: readonly (LineResult | undefined)[]): readonly Sent<unknown>[] {
  const failures: BatchFailure['failures'][number][] = [];
  const sent: Sent<unknown>[] = [];
  for (const [index, { type, id, name, signalId }] of lines.entries()) {
    const result = results[index];
    if (result?.status === 202) sent[index] = { type, id, name, signalId: result.signalId ?? signalId, position: result.position };
    else {
      const error = errorOf(result?.status ?? 503, result ?? {});
      failures.push({ index, code: error.code, message: error.message, signalId });
    }
  }
  const [first] = failures;
  if (first === undefined) return sent;
  const details: BatchFailure = { failures, sent: Array.from(lines, (_line, n) => sent[n]) };
  const detail = `${failures.length} of ${lines.length} signals failed; the first: ${first.message}`;
  const { code, by, status = 503 } = results[first.index] ?? {};
  throw errorOf(status, { code, by, detail, details });
}
