/**
 * Every bound of the runtime, in one place. Each queue, loop, page and payload has one. Deployment may change those
 * that `runtime/config.ts` names; the rest are promises of the formats.
 */
export const LIMITS = {
  /** Characters of an entity id. */
  maxEntityIdLength: 255,
  /** Characters of a signal id. Ids are kept as they are in the window, so the check is exact. */
  maxSignalIdLength: 128,
  /** Characters of a message, event, timer, query or activity name. */
  maxNameLength: 128,
  /** Characters of a timer key. */
  maxTimerKeyLength: 255,
  /** Armed timers of one entity. */
  maxTimersPerEntity: 10_000,
  /** Nesting of a payload. */
  maxDepth: 64,
  /** Estimated bytes of one append; a batch is cut before the message that would exceed it. */
  maxTurnBytes: 512 * 1024,
  /** Messages of one entity that share one append. */
  maxTurnMessages: 1_024,
  /** Messages handled in one tick over all entities, so that a tick does not hold the event loop for long. */
  maxTickMessages: 1_024,
  /** Results up to this many bytes ride in the metadata of the message's last event; above, in a record of their own. */
  maxResultInMetaBytes: 4 * 1024,
  /** Segments of one run in one turn; what is left goes on in the next. */
  maxSegmentsPerTurn: 100,
  /** Items that `map` starts in one turn, and how many it runs at once unless it is told otherwise. */
  maxMapStarts: 100,
  /** Calls, sleeps, untils and callbacks that one run may wait for at once: as many as can be asked to stop in one turn. */
  maxCallsPerRun: 2_000,
  /** Open runs of one entity, and signals that wait for a serial one to end. */
  maxRunsPerEntity: 10_000,
  maxQueuedRuns: 10_000,
  /** Runs that end in the turn that forgets their entity; with more it is refused until they are terminated. */
  maxRunsForgotten: 500,
  /** Turn inputs of one run; from here on a warning says to use a timer per period. */
  manyRunInputs: 10_000,
  /** Turn inputs and their packed bytes that a snapshot holds of one run; above, they are read from the stream again. */
  maxWarmInputs: 1_000,
  maxWarmBytes: 256 * 1024,
  /** Estimated bytes of the input, the result and the progress of an activity, and of a callback's result. */
  maxActivityBytes: 256 * 1024,
  /** One attempt of an activity, unless it says otherwise. */
  attemptTimeoutMs: 10 * 60_000,
  /** Without a heartbeat timeout, progress is recorded at most this often. */
  progressEveryMs: 8_000,
  /** Lines that one segment may log. */
  maxLoggedLines: 100,
  /** Commands of each side that the error of a replay that diverged shows. */
  maxShownCommands: 50,
  /** Ids of a window that are kept whatever their age. */
  windowMinIds: 1_024,
  /** Ids younger than this are kept, up to `windowMaxIds`. */
  windowMinAgeMs: 15 * 60_000,
  /** Ids of a window at most. */
  windowMaxIds: 16_384,
  /** Signals a parked or paused entity holds; above, they go to the dead letters. */
  maxHeld: 10_000,
  /** Messages waiting in all mailboxes; above, new ones are refused with `overloaded`. */
  maxQueuedMessages: 50_000,
  /** Estimated bytes waiting in all mailboxes. */
  maxQueuedBytes: 64 * 1024 * 1024,
  /** Messages waiting in one mailbox. */
  maxMailboxMessages: 10_000,
  /** Entities being rehydrated at once. */
  maxRehydrations: 64,
  /** Entities in memory; the longest idle are passivated above it. */
  maxEntitiesInMemory: 50_000,
  /** Estimated bytes of entity state in memory. */
  maxEntityBytesInMemory: 256 * 1024 * 1024,
  /** Idle time after which an entity is passivated. */
  passivateAfterMs: 5 * 60_000,
  /** A fold of more records than this is snapshot at once; also the least number of records between snapshots. */
  snapshotEvery: 200,
  /** Time after which an append of unknown outcome is given up and its callers are told `outcome-unknown`. */
  unknownGiveUpMs: 30_000,
  /** Longest wait of an update or a read that waits for a token. */
  maxWaitMs: 5 * 60_000,
  defaultWaitMs: 30_000,
  /** Timers due later than this are left to the agenda; nearer ones are watched in memory, to the millisecond. */
  timerHorizonMs: 5_000,
  /** The agenda looks this far ahead, so that a sleeping entity is awake when its timer is due. */
  agendaAheadMs: 2_000,
  /** Timers of one entity that fire in one go, and held messages read back in one go. */
  maxFiringsPerTurn: 256,
  maxHeldPerRead: 256,
  /** Due entities taken from the agenda in one poll, and sends in flight from the outbox. */
  maxAgendaPage: 1_000,
  maxOutboxInFlight: 10_000,
  /** Turns and bytes of one subscription batch. */
  maxSubscriptionTurns: 2_048,
  maxSubscriptionBytes: 4 * 1024 * 1024,
  /** Rows or events of one page. */
  maxPage: 1_000,
  defaultPage: 100,
  /** Lines of one batch request. */
  maxBatchLines: 10_000,
  /** Characters of a row key; bytes of an encoded index entry are bounded by the store. */
  maxRowKeyLength: 512,
} as const;
