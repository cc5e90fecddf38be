import type streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { errorText } from '../../core/errors.ts';
import type { ReadCall } from './connection.ts';
import type { ReadEvent } from './record-codec.ts';

/**
 * Hands over the events of a read that does not end by itself, until what it returns is called. `lost` is told once, with the reason, if it ends in any
 * other way: it could not be opened, it erred, the server ended it.
 */
export function follow(
  open: (request: streamsPb.ReadReq) => Promise<ReadCall>,
  request: streamsPb.ReadReq,
  heard: (event: ReadEvent) => void,
  lost: (why: string) => void,
): () => void {
  let call: ReadCall | undefined;
  let isOver = false;
  const end = (why?: string) => {
    if (isOver) return;
    isOver = true;
    call?.cancel();
    if (why !== undefined) lost(why);
  };
  open(request).then(
    (opened) => {
      opened.on('error', (error) => end(errorText(error)));
      if (isOver) opened.cancel();
      call = opened;
      opened.on('data', ({ event }) => {
        if (!isOver && event !== undefined) heard(event);
      });
      opened.on('end', () => end('the server ended it'));
    },
    (error: unknown) => end(errorText(error)),
  );
  return () => end();
}
