import { LIMITS } from '../../runtime/core/limits.ts';

/** The limits that a program can meet, and what they bound; the others are the runtime's own business. */
const SHOWN: readonly (readonly [limit: keyof typeof LIMITS, what: string])[] = [
  ['maxTurnBytes', 'one append: what a message, or a segment of a run, asks for (`PERDURE_MAX_TURN_BYTES`)'],
  ['maxDepth', 'nesting of a payload'],
  ['maxEntityIdLength', 'characters of an entity id'],
  ['maxSignalIdLength', 'characters of a signal id'],
  ['maxNameLength', 'characters of the name of a message, event, timer, activity'],
  ['maxTimerKeyLength', 'characters of a timer’s key'],
  ['maxTimersPerEntity', 'armed timers of an entity'],
  ['maxRunsPerEntity', 'open runs of an entity'],
  ['maxQueuedRuns', 'signals of an entity that wait for a serial run to end'],
  ['maxCallsPerRun', 'calls, sleeps, untils and callbacks that a run waits for at once'],
  ['maxSegmentsPerTurn', 'segments of a run in one turn; what is left goes on in the next'],
  ['maxMapStarts', 'items that `map` starts in one turn, and has under way unless told otherwise'],
  ['maxActivityBytes', 'input, result and progress of an activity; result of a callback'],
  ['attemptTimeoutMs', 'one attempt of an activity, unless it says otherwise'],
  ['maxLoggedLines', 'lines that one turn or segment may log'],
  ['windowMinIds', 'signal ids of an entity that are remembered whatever their age'],
  ['windowMinAgeMs', 'age up to which all others are remembered too'],
  ['windowMaxIds', 'signal ids that are remembered at most'],
  ['maxHeld', 'messages that a parked or paused entity holds (`PERDURE_LIMIT_MAX_HELD`)'],
  ['defaultWaitMs', 'wait of an update, or of a read with a token, unless `?timeout=` says otherwise'],
  ['maxWaitMs', 'longest `?timeout=` and `?wait=`'],
  ['defaultPage', 'rows or events of a page'],
  ['maxPage', 'most rows or events of a page'],
  ['maxBatchLines', 'lines of one batch of signals'],
  ['maxRowKeyLength', 'characters of a row’s key'],
];

/** The table of limits as Markdown. */
export function limitsTable(): string {
  const rows = SHOWN.map(([limit, what]) => `| ${what} | ${shown(limit, LIMITS[limit])} |`);
  return ['| what | at most |', '| --- | --- |', ...rows].join('\n');
}

function shown(limit: string, value: number): string {
  if (limit.endsWith('Bytes')) return value % MIB === 0 ? `${value / MIB} MiB` : `${value / 1_024} KiB`;
  if (limit.endsWith('Ms')) return value % 60_000 === 0 ? `${value / 60_000} min` : `${value / 1_000} s`;
  return value.toLocaleString('en-US').replaceAll(',', ' ');
}
const MIB = 1_024 * 1_024;
