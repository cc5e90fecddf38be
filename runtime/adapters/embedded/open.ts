import type { Commit, Position, Revision, StoredTurn, StreamName } from '../../core/record.ts';
import { Tail } from '../shared/tail.ts';
import { EmbeddedEventStore } from './event-store.ts';
import { applyRedo, Forgetter } from './forgetter.ts';
import { MAX_BLOCK_BYTES, SEGMENT_BYTES } from './format.ts';
import { Heads } from './heads.ts';
import { IndexFlusher } from './index-flusher.ts';
import { type LogFiles, nodeFiles } from './log-files.ts';
import { LogWriter } from './log-writer.ts';
import { applyFrame, cutTornTail, framesOf, scanTail } from './recovery.ts';
import { Segments } from './segments.ts';
import { openDirectory, type StoreDirectory } from './store-directory.ts';
import { StreamIndex, type Through } from './stream-index.ts';
import { StreamReader } from './stream-reader.ts';

/**
 * Opens the embedded store: lock, identity, redo, index, recovery, in this order.
 *
 * Invariants:
 * Q1. A store that is refused (in use, too new, mismatch, corrupt) is left as it was.
 * Q2. A missing, damaged or foreign index is derived again from the whole log, after the log was found sound.
 */
export interface EmbeddedOptions {
  /** The data directory; made if it is missing. */
  readonly dir: string;
  /** Number of home partitions; must be what the store was made with. */
  readonly partitions: number;
  /** Told what an operator should know: a torn tail, a full disk, an index built again. Default: nobody. */
  readonly notice?: (message: string) => void;
  /** File operations of the log; for tests. */
  readonly files?: LogFiles;
  /** Bytes of a segment of a new store. */
  readonly segmentBytes?: number;
  /** Heads of streams kept in memory. */
  readonly cachedStreams?: number;
  /** Time from a change to its flush into the index. */
  readonly flushIntervalMs?: number;
}

const CACHED_STREAMS = 50_000;
/** A start reads what was written since: some seconds of the log, in exchange for a fifth of the index's work. */
const FLUSH_INTERVAL_MS = 5_000;
/** Heads flushed at once while the log is read at start. */
const RECOVERY_DIRTY = 32_768;

/**
 * Opens (or makes) the store of a data directory. Throws `store-in-use`, `store-too-new`, `store-mismatch`, `store-corrupt`.
 */
export async function openEmbeddedStore(options: EmbeddedOptions): Promise<EmbeddedEventStore> {
  const files = options.files ?? nodeFiles;
  const { dir, partitions, segmentBytes = SEGMENT_BYTES } = options;
  const directory = await openDirectory(files, dir, { partitions, segmentBytes });
  const segments = new Segments(files, directory.log, directory.identity.segmentBytes);
  let index: StreamIndex | undefined;
  try {
    await applyRedo(files, segments, directory.redo, directory.identity.salt);
    index = await openIndex(directory, segments, options);
    return await start(options, files, directory, segments, index);
  } catch (error) {
    await segments.close();
    await index?.close();
    await directory.release();
    throw error;
  }
}

async function openIndex(directory: StoreDirectory, segments: Segments, { notice }: EmbeddedOptions): Promise<StreamIndex> {
  const { storeId, salt } = directory.identity;
  const found = directory.created ? undefined : await StreamIndex.open(directory.index, storeId);
  if (found !== undefined) return found;
  if (!directory.created) {
    notice?.('the index is missing, damaged or of another store: it is built again from the log; snapshots and values are gone');
    await scanTail({ segments, salt, from: NOTHING, durable: 0 }, async () => undefined);
  }
  return StreamIndex.create(directory.index, storeId);
}

const NOTHING: Through = { end: 0, lastBlock: -1 };

async function start(
  options: EmbeddedOptions,
  files: LogFiles,
  directory: StoreDirectory,
  segments: Segments,
  index: StreamIndex,
): Promise<EmbeddedEventStore> {
  const { salt } = directory.identity;
  const notice = options.notice ?? ignore;
  const heads = new Heads((stream) => index.head(stream), options.cachedStreams ?? CACHED_STREAMS);
  const through = await recover(segments, salt, index, heads, notice);
  const tail = new Tail(through.end, (delayMs, run) => void setTimeout(run, delayMs).unref());
  const forgotten = new Map<StreamName, Revision>(index.forgettings().map(({ stream, before }) => [stream, before]));
  const reader: StreamReader = new StreamReader({
    segments,
    salt,
    head: (stream) => heads.get(stream),
    mark: (stream, revision) => index.mark(stream, revision),
    rewriting: () => forgetter.rewriting,
  });
  const forgetter: Forgetter = new Forgetter({ files, segments, index, heads, reader, tail, salt, redo: directory.redo, forgotten });
  const flusher: IndexFlusher = new IndexFlusher({
    index,
    heads,
    through: () => writer.through,
    intervalMs: options.flushIntervalMs ?? FLUSH_INTERVAL_MS,
    notice,
  });
  const writer: LogWriter = new LogWriter({
    segments,
    heads,
    salt,
    through,
    maxBlockBytes: Math.min(MAX_BLOCK_BYTES, directory.identity.segmentBytes),
    standing: (commit: Commit) => reader.turnAt(heads.get(commit.stream), commit.expectedRevision + 1),
    durable: (batch, begin, end) => {
      tail.push(() => batch.commits.map((commit, index) => turnOf(commit, batch.positions[index] ?? begin)), begin, end);
      flusher.changed();
    },
    admitted: () => flusher.admitted(),
    notice,
  });
  await segments.startAt(through.end);
  await forgetter.resume();
  flusher.changed();
  return new EmbeddedEventStore({ directory, segments, index, heads, reader, writer, flusher, forgetter, tail, forgotten });
}

/** Not the commit itself: it may carry whatever its writer needs, and would keep that alive. */
function turnOf(commit: Commit, position: Position): StoredTurn {
  const { stream, expectedRevision, turnId, time, records } = commit;
  return { stream, firstRevision: expectedRevision + 1, position, turnId, time, records };
}

async function recover(
  segments: Segments,
  salt: number,
  index: StreamIndex,
  heads: Heads,
  notice: (message: string) => void,
): Promise<Through> {
  let done = index.through;
  const flush = async (): Promise<void> => {
    const taken = heads.takeDirty();
    await index.write(taken, done, () => done.end);
    heads.flushed(taken, false);
  };
  const end = await scanTail({ segments, salt, from: done, durable: index.durable }, async (block) => {
    for (const frame of framesOf(block)) applyFrame(heads, segments, frame);
    done = { end: block.end, lastBlock: block.position };
    if (heads.dirtyCount >= RECOVERY_DIRTY) await flush();
  });
  const torn = await cutTornTail(segments, end.end);
  if (torn > 0) notice(`the log ended in a write that was never acknowledged: ${torn} bytes were cut at position ${end.end}`);
  if (heads.dirtyCount > 0) await flush();
  return end;
}

function ignore(): void {
  // Nobody asked to be told.
}
