/** Ways in which versions of the server differ (section 5). */
export interface Switches {
  /** Bytes of one append. */
  readonly maxAppendSize: number;
  /** Bytes of one event; undefined: no bound. */
  readonly maxAppendEventSize: number | undefined;
  /** Are subscriptions told that they have caught up (23.10 and later)? */
  readonly caughtUp: boolean;
  /** Is a live subscription that is too far behind dropped (up to 23.10), or served from the log again? */
  readonly consumerTooSlowDrop: boolean;
  /** Does a checkpoint of a filtered catch-up name a record that was not looked at yet (about 25.0)? */
  readonly checkpointBug25: boolean;
  /** May such a checkpoint have a prepare position of 0? */
  readonly prepareZeroCheckpoints: boolean;
  /** Is BatchAppend listed as supported? */
  readonly batchAppend: boolean;
}

/** What 24.10 does. */
export const DEFAULT_SWITCHES: Switches = {
  maxAppendSize: 1024 * 1024,
  maxAppendEventSize: undefined,
  caughtUp: true,
  consumerTooSlowDrop: false,
  checkpointBug25: false,
  prepareZeroCheckpoints: true,
  batchAppend: true,
};
