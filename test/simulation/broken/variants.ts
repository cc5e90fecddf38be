import type { Wrapping } from '../../../runtime/testing/simulation/node.ts';
import { DEFINITIONS } from '../casts.ts';
import { snapshotsBeforeDurability } from './snapshots.ts';
import {
  answersBeforeDurability,
  believesItsOwnHead,
  dropsAtConflict,
  forgetsIds,
  forgetsMarks,
  forgetsWakes,
  ignoresExpectedRevision,
  movesCheckpointFirst,
  savesWatermarkEarly,
  swapsHeld,
  takesUnknownForDone,
  takesUnknownForFailed,
} from './stores.ts';

/** A deliberately broken runtime: what is broken, where it shows, and who must see it. */
export interface Variant {
  readonly name: string;
  /** What stands between a node and its stores, or what is broken inside. */
  readonly wrapping?: Wrapping;
  readonly breaking?: () => () => void;
  readonly scenario: string;
  readonly judge: string;
}

export const VARIANTS: readonly Variant[] = [
  {
    name: 'answers before durability',
    wrapping: { store: answersBeforeDurability },
    scenario: 'crashes',
    judge: 'no-acknowledged-signal-lost',
  },
  {
    name: 'skips the duplicate check by mark',
    wrapping: { store: forgetsMarks },
    scenario: 'crashes',
    judge: 'sends-arrive-once-in-order',
  },
  { name: 'skips the duplicate check by id', wrapping: { store: forgetsIds }, scenario: 'unknowns', judge: 'none-twice' },
  {
    name: 'ignores the expected revision',
    wrapping: { store: ignoresExpectedRevision },
    scenario: 'owners',
    judge: 'one-writer-per-revision',
  },
  { name: 'drops messages at a conflict', wrapping: { store: dropsAtConflict }, scenario: 'owners', judge: 'no-acknowledged-signal-lost' },
  { name: 'takes unknown for done', wrapping: { store: takesUnknownForDone }, scenario: 'unknowns', judge: 'no-acknowledged-signal-lost' },
  { name: 'takes unknown for failed', wrapping: { store: takesUnknownForFailed }, scenario: 'unknowns', judge: 'refused-left-nothing' },
  { name: 'saves the watermark early', wrapping: { store: savesWatermarkEarly }, scenario: 'crashes', judge: 'sends-arrive-once-in-order' },
  { name: 'forgets timers of sleeping entities', wrapping: { store: forgetsWakes }, scenario: 'clocks', judge: 'timers-fire' },
  { name: 'believes a no-op without asking', wrapping: { store: believesItsOwnHead }, scenario: 'owners', judge: 'no-op-is-current' },
  { name: 'lets held messages overtake', wrapping: { store: swapsHeld }, scenario: 'parking', judge: 'parked-keeps-order' },
  {
    name: 'moves the checkpoint before the rows',
    wrapping: { rows: movesCheckpointFirst },
    scenario: 'crashes',
    judge: 'rows-are-fold-of-log',
  },
  {
    name: 'takes snapshots before durability',
    wrapping: { store: snapshotsBeforeDurability(DEFINITIONS) },
    scenario: 'owners',
    judge: 'state-is-fold-of-stream',
  },
];
