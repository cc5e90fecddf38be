import { createHash } from 'node:crypto';
import { definitionOf } from '../../runtime/core/definition/entity.ts';
import type { EntityDefinition } from '../../runtime/core/definition/erased.ts';
import { emptyImage, foldTurn, type Image } from '../../runtime/core/image.ts';
import { deepFreeze } from '../../runtime/core/plain.ts';
import { addressOf, type StoredTurn } from '../../runtime/core/record.ts';
import { secretText, writeCallbackToken } from '../../runtime/core/run/callback-token.ts';
import type { OpenCall, OpenRun } from '../../runtime/core/run/open-run.ts';
import { flow, note } from './entities.ts';

export const DEFINITIONS: readonly EntityDefinition[] = [note, flow].map(definitionOf);

/** The images that turns fold to, by stream; `onEnded` is told of every run that ended. */
export function imagesOf(
  turns: readonly StoredTurn[],
  onEnded: (image: Image, run: OpenRun) => void = () => undefined,
): ReadonlyMap<string, Image> {
  const images = new Map<string, Image>();
  for (const turn of turns) {
    const image = images.get(turn.stream) ?? beginning(turn.stream);
    images.set(turn.stream, image);
    image.books.runs.onEnded = (run) => onEnded(image, run);
    foldTurn(image, turn, deepFreeze);
  }
  return images;
}

function beginning(stream: string): Image {
  const { type, id } = addressOf(stream) ?? { type: '', id: '' };
  const definition = DEFINITIONS.find((one) => one.type === type);
  if (definition === undefined) throw new Error(`no golden entity for ${stream}`);
  return emptyImage(definition, id);
}

/** What an image must come to whatever the version: plain facts, none of how they are kept. */
export function factsOf({ state, foldError, books, position }: Image): unknown {
  const { revision, lastTimeMs, parked, paused, heldCount, heldFrom, forgottenAt, armings } = books;
  return JSON.parse(
    JSON.stringify({
      state,
      ...{ revision, position, lastTimeMs, heldCount, heldFrom, forgottenAt, armings },
      foldError: foldError ?? null,
      parked: parked ?? null,
      paused: paused ?? null,
      timers: books.timers.all().map(({ timer, key, dueAt, arming }) => ({ timer, key, dueAt, arming })),
      marks: Object.fromEntries(books.marks),
      ids: books.window.entries(),
      ...(books.hasRuns || books.once.size > 0 ? runFacts(books) : {}),
    }),
  );
}

function runFacts({ once, runs, heldReplies }: Image['books']): object {
  return {
    once: Object.fromEntries(once),
    heldReplies: [...heldReplies],
    queued: runs.queued.map(({ id, name, revision, reply }) => ({ id, name, revision, reply })),
    runs: [...runs.open.values()].map((run) => ({
      ...{ id: run.id, name: run.name, of: run.of, serial: run.serial, once: run.once, seed: run.seed, meta: run.meta },
      ...{ chain: run.chain, reply: run.reply, startedAtMs: run.startedAtMs, cancelAsked: run.cancelAsked },
      inputs: run.inputs.map(({ trigger, timeMs, state, commands }) => ({ trigger, timeMs, state, commands })),
      calls: [...run.calls.values()].map(callFacts),
      deferred: run.deferred,
      versions: Object.fromEntries(run.versions),
      stalled: run.stalled === undefined ? null : { code: run.stalled.code, resumes: run.stalled.resumes },
    })),
  };
}

function callFacts({ what, sinceMs, attempts, nextAt, lastFailure, progress, cancelling }: OpenCall): object {
  return { what, sinceMs, attempts, nextAt, lastFailure: lastFailure ?? null, progress, cancelling };
}

/** Facts without the data of what runs asked for, which snapshots leave out. */
export function withoutData(facts: unknown): unknown {
  return JSON.parse(
    JSON.stringify(facts, (key, value: unknown) =>
      key === 'commands' ? (value as readonly { what: string }[]).map(({ what }) => what) : value,
    ),
  );
}

/** The tokens of the callbacks that the runs of an image wait for: whoever was sent one still has it. */
export function tokensOf({ definition, id, books }: Image): readonly string[] {
  return [...books.runs.open.values()].flatMap((run) =>
    [...run.calls.values()].flatMap(({ what: { kind, call } }) => {
      if (kind !== 'callback') return [];
      const secret = createHash('sha256')
        .update(secretText(run.seed, run.id, call))
        .digest('base64url')
        .slice(0, 22);
      return [writeCallbackToken({ type: definition.type, id, run: run.id, call }, secret)];
    }),
  );
}
