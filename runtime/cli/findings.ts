import type { CheckTotals, Finding } from '../host/entity-check.ts';

const MEANINGS: Readonly<Record<Finding['kind'], string>> = {
  diverged: 'does not replay',
  stalled: 'had stalled; what it did before replays, a retry goes on',
  'no-handler': 'cannot start',
  unfoldable: 'cannot be folded',
  'unknown-type': 'is unknown',
};

/** What was found, as people read it: whose it is, why, and for a run that parts from its record both histories side by side. */
export function findingLines({ type, id, kind, message, run, details }: Finding): readonly string[] {
  const whose = `${type}/${id}`;
  const title =
    run === undefined
      ? `${whose} ${MEANINGS[kind]}`
      : `${whose}: run ${run.id} of ${run.name} (${run.state} since ${new Date(run.sinceMs).toISOString()}) ${MEANINGS[kind]}`;
  return [`${kind === 'stalled' ? '-' : '✗'} ${title}`, `  ${message}`, ...(isDifference(details) ? differenceLines(details) : [])];
}

interface Difference {
  readonly segment: number;
  readonly trigger: string;
  readonly recorded: readonly string[];
  readonly replayed: readonly string[];
}

function isDifference(details: unknown): details is Difference {
  return typeof details === 'object' && details !== null && 'recorded' in details && 'replayed' in details && 'trigger' in details;
}

const RECORDED = 'recorded';

function differenceLines({ segment, trigger, recorded, replayed }: Difference): readonly string[] {
  const count = Math.max(recorded.length, replayed.length);
  const parts = Array.from({ length: count }, (_, at) => at).find((at) => recorded[at] !== replayed[at]);
  const width = Math.max(RECORDED.length, ...recorded.map(({ length }) => length));
  const rows = Array.from({ length: count }, (_, at) => {
    const mark = at === parts ? '>' : ' ';
    return `  ${mark} ${String(at + 1).padStart(3)}  ${(recorded[at] ?? '(nothing)').padEnd(width)}  ${replayed[at] ?? '(nothing)'}`;
  });
  return [`  segment ${segment}, begun by: ${trigger}`, `         ${RECORDED.padEnd(width)}  the code at hand`, ...rows];
}

/** The last line: what was looked at, and what of it breaks. */
export function totalsLine({ entities, runsInFlight, endedRuns, breaks, strangers }: CheckTotals, isAll: boolean): string {
  const looked = [
    counted(entities, 'entity', 'entities'),
    counted(runsInFlight, 'run in flight', 'runs in flight'),
    ...(isAll ? [counted(endedRuns, 'ended run', 'ended runs')] : []),
    ...[...strangers].map(([type, count]) => `${count} of type ${type}, which the program does not have`),
  ];
  return `checked ${looked.join(', ')}: ${breaks === 0 ? 'all replays' : `${counted(breaks, 'break', 'breaks')}`}`;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
