import { Cron } from 'croner';

/**
 * Cron times: five fields, six with seconds in front, or a nickname such as `@daily`, in a time zone of the IANA list.
 *
 * Where clocks are put forward, a time of day that is left out comes right after the gap; where they are put back, one that occurs twice comes
 * once. Times that come every so often (`*`, steps) follow the clock through both.
 */
export interface CronTimes {
  readonly cron: string;
  readonly timezone: string;
}

/** The first time after the given one; undefined if there is none. Milliseconds since 1970. Throws for what `flawOf` names. */
export function nextAfter(times: CronTimes, atMs: number): number | undefined {
  return parsed(times).nextRun(new Date(atMs))?.getTime();
}

/** The last time up to and including the given one; undefined if there is none. Throws as `nextAfter`. */
export function lastUntil(times: CronTimes, atMs: number): number | undefined {
  return parsed(times)
    .previousRuns(1, new Date(atMs + 1))[0]
    ?.getTime();
}

/** What is wrong with it, undefined if nothing is: a field, and why. `atMs`: a time after which it must still come. */
export function flawOf(times: CronTimes, atMs: number): { readonly field: keyof CronTimes; readonly why: string } | undefined {
  const { cron, timezone } = times;
  // The library takes the date of a single time too, which is no cron.
  if (/^\s*\d{4}-/.test(cron)) return { field: 'cron', why: 'a date is no cron expression' };
  const zone = thrownBy(() => new Intl.DateTimeFormat('en', { timeZone: timezone }));
  if (zone !== undefined) return { field: 'timezone', why: zone };
  const why = thrownBy(() => parsed(times));
  if (why !== undefined) return { field: 'cron', why };
  return nextAfter(times, atMs) === undefined ? { field: 'cron', why: 'there is no such time' } : undefined;
}

/** Without a function nothing is started: the library only calculates, from the times that it is given. */
function parsed({ cron, timezone }: CronTimes): Cron {
  return new Cron(cron, { timezone, mode: '5-or-6-parts' });
}

function thrownBy(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
  }
}
