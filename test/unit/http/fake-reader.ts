import { z } from 'zod';
import { PerdureError } from '../../../runtime/core/errors.ts';
import type { ProjectionReader, ProjectionStatus } from '../../../runtime/http/reader.ts';
import type { Row, RowPage, RowQuery } from '../../../runtime/ports/read-store.ts';

/** A projection `tallies` in memory: what the edge asked for is in `found` and `waited`. */
export class FakeReader implements ProjectionReader {
  headPosition = Number.MAX_SAFE_INTEGER;
  readonly projections = new Map([['tallies', { version: 2, row: z.object({ total: z.int() }), indexes: { byTotal: ['total'] } }]]);
  readonly rows = new Map<string, Row>();
  readonly found: Omit<RowQuery, 'table'>[] = [];
  readonly waited: { type: string; position: number; timeoutMs: number }[] = [];
  isBehind = false;
  state: ProjectionStatus = { name: 'tallies', version: 2, state: 'live', position: 7, behind: 0 };

  async get(_name: string, key: string): Promise<Row | undefined> {
    return this.rows.get(key);
  }

  async find(_name: string, query: Omit<RowQuery, 'table'>): Promise<RowPage> {
    this.found.push(query);
    if (query.cursor === 'bad') throw new PerdureError('invalid-cursor');
    const rows = [...this.rows].map(([key, row]) => ({ key, row }));
    return rows.length > query.limit ? { rows: rows.slice(0, query.limit), cursor: 'more' } : { rows };
  }

  async reached(_name: string, type: string, position: number, timeoutMs: number): Promise<void> {
    this.waited.push({ type, position, timeoutMs });
    if (this.isBehind) throw new PerdureError('projection-behind');
  }

  /** Behind every position that a fake host gives out. */
  head(): number {
    return this.headPosition;
  }

  status(): readonly ProjectionStatus[] {
    return [this.state];
  }
}
