import { projection } from 'perdure';
import { z } from 'zod';
import { schedule } from '../entities/schedule.ts';

/**
 * A row per schedule; its key is the schedule's id. `target` is the address and name of what it sends; `nextAt` is null while it is paused.
 * Times are milliseconds since 1970.
 */
const Row = z.object({
  id: z.string(),
  status: z.enum(['active', 'paused']),
  cron: z.string(),
  timezone: z.string(),
  missed: z.enum(['skip', 'once', 'all']),
  target: z.object({ type: z.string(), id: z.string(), name: z.string() }),
  nextAt: z.int().nullable(),
  lastAt: z.int().nullable(),
});

export const Schedules = projection('schedules', { row: Row, version: 1, indexes: { byStatus: ['status', 'nextAt'] } });

export const schedules = Schedules.from(schedule, {
  Set: (row, { cron, timezone, missed, target: { type, id: targetId, name }, nextAt }, { id }) => ({
    id,
    status: row?.status ?? 'active',
    cron,
    timezone,
    missed,
    target: { type, id: targetId, name },
    nextAt,
    lastAt: row?.lastAt ?? null,
  }),
  Paused: (row) => row && { ...row, status: 'paused', nextAt: null },
  Resumed: (row, { nextAt }) => row && { ...row, status: 'active', nextAt },
  Fired: (row, { at, nextAt }) => row && { ...row, lastAt: at, nextAt },
  Skipped: (row, { nextAt }) => row && { ...row, nextAt },
  Triggered: (row, { at }) => row && { ...row, lastAt: at },
  Deleted: () => undefined,
});
