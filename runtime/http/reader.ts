import type { AnySchema } from '../core/definition/types.ts';
import type { Position } from '../core/record.ts';
import type { Row, RowPage, RowQuery } from '../ports/read-store.ts';

/**
 * What the edge needs of the projection engine. Promises reject with PerdureError (`invalid-cursor`, `unknown-index`, `invalid-page`,
 * `projection-failed` …).
 */
export interface ProjectionReader {
  /** Registered projections, by name. The edge answers `unknown-projection` for any other. */
  readonly projections: ReadonlyMap<string, ProjectionInfo>;
  /** One row, undefined if absent. */
  get(name: string, key: string): Promise<Row | undefined>;
  find(name: string, query: Omit<RowQuery, 'table'>): Promise<RowPage>;
  /**
   * Resolves when the rows show every record of `type` up to `position`; at once if the projection does not read that type. Rejects
   * `projection-behind` after `timeoutMs`.
   */
  reached(name: string, type: string, position: Position, timeoutMs: number): Promise<void>;
  status(): readonly ProjectionStatus[];
  /** Position behind the last durable turn of the log. */
  head(): Position;
}

export interface ProjectionInfo {
  readonly version: number;
  /** Schema of a row; undefined for the built-in ones. */
  readonly row?: AnySchema;
  readonly indexes: Readonly<Record<string, readonly string[]>>;
}

export interface ProjectionStatus {
  readonly name: string;
  readonly version: number;
  /** `building`: not ready, its rows are behind. `failed`: it stopped at an event. */
  readonly state: 'building' | 'live' | 'failed';
  /** First position not yet applied. */
  readonly position: Position;
  /** Bytes of the log between it and the head. */
  readonly behind: number;
  /** `failed`: why. */
  readonly message?: string;
}
