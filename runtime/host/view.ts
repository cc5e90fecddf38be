import type { Image } from '../core/image.ts';
import { LIMITS } from '../core/limits.ts';
import type { OpenCall } from '../core/run/open-run.ts';
import type { EntityView, OpenRunView, OwedView } from './surface.ts';

/** What is shown of an image. */
export function viewOf(image: Image): EntityView {
  const { books, definition, foldError } = image;
  const { paused } = books;
  const parked =
    books.parked ?? (foldError === undefined ? undefined : { reason: 'fold', signal: null, message: foldError, sinceMs: books.lastTimeMs });
  return {
    type: definition.type,
    id: image.id,
    state: foldError === undefined ? image.state : null,
    revision: books.revision,
    position: image.position,
    runs: books.hasRuns ? runsOf(image) : [],
    owes: owedBy(image),
    parked:
      parked === undefined
        ? null
        : { reason: parked.reason, signal: parked.signal, message: parked.message, since: parked.sinceMs, held: books.heldCount },
    paused: paused === undefined ? null : { by: paused.by, why: paused.why, since: paused.sinceMs },
  };
}

function runsOf({ books }: Image): readonly OpenRunView[] {
  const { open, queued } = books.runs;
  const running = [...open.values()].map(({ id, name, startedAtMs, stalled }): OpenRunView => {
    const about = { signalId: id, name, since: startedAtMs };
    if (stalled === undefined) return { ...about, status: 'running' };
    const { code, message, details } = stalled;
    return { ...about, status: 'stalled', problem: { code, message, ...(details === undefined ? {} : { details }) } };
  });
  return [...running, ...queued.map(({ id, name, sinceMs }) => ({ signalId: id, name, status: 'queued' as const, since: sinceMs }))];
}

/** Soonest first; what time does not bring comes last. At most a page. */
function owedBy({ books }: Image): readonly OwedView[] {
  const timers = books.timers.all().map(({ timer, key, dueAt }): OwedView => ({ kind: 'timer', name: timer, key, dueAt }));
  if (!books.hasRuns) return timers.slice(0, LIMITS.maxPage);
  const calls = [...books.runs.open.values()].flatMap(({ calls }) => [...calls.values()].flatMap(owedCall));
  const at = ({ dueAt }: OwedView) => dueAt ?? Number.POSITIVE_INFINITY;
  return [...timers, ...calls].sort((a, b) => (at(a) === at(b) ? 0 : at(a) - at(b))).slice(0, LIMITS.maxPage);
}

function owedCall({ what, run, nextAt, attempts, lastFailure, progress }: OpenCall): readonly OwedView[] {
  const key = String(what.call);
  switch (what.kind) {
    case 'resume':
      return [];
    case 'signal':
      return [{ kind: 'call', name: `${what.type}/${what.id} ${what.name}`, key, dueAt: null, run }];
    case 'sleep':
    case 'until':
    case 'callback':
      return [{ kind: what.kind, name: what.kind, key, dueAt: what.dueAt ?? null, run }];
    case 'activity':
    case 'query': {
      const name = what.kind === 'activity' ? what.activity : `${what.message.type}/${what.message.id} ${what.message.name}`;
      const failed = attempts === 0 ? {} : { failures: attempts, ...(lastFailure === undefined ? {} : { lastFailure }) };
      return [{ kind: what.kind, name, key, dueAt: nextAt, run, ...failed, ...(progress === undefined ? {} : { progress }) }];
    }
  }
}
