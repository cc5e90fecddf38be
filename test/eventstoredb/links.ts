import type { Log } from './log.ts';
import type { LogRecord } from './record.ts';
import { isVisible } from './visible-window.ts';

/** What a reader is given for a record: itself, or for a link (`$>`) that is resolved its target, if that can still be read. */
export interface Resolved {
  readonly event: LogRecord | undefined;
  readonly link: LogRecord | undefined;
}

const utf8 = new TextDecoder();

/** Resolves a record; its position stays that of the link. */
export function resolve(log: Log, record: LogRecord, resolvesLinks: boolean): Resolved {
  if (!resolvesLinks || record.type !== '$>') return { event: record, link: undefined };
  const [, revision, stream] = /^(\d+)@(.+)$/s.exec(utf8.decode(record.data)) ?? [];
  if (revision === undefined || stream === undefined) return { event: undefined, link: record };
  const history = log.stream(stream);
  const target = history.events[Number(revision)];
  const isReadable = target !== undefined && !log.isGone(history) && isVisible(history, target, log.nowMs());
  return { event: isReadable ? target : undefined, link: record };
}
