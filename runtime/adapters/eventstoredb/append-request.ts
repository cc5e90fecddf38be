import type { Append, ProposedEvent } from './appender.ts';
import { WireWriter } from './wire.ts';

/**
 * An append as the bytes of one `BatchAppendReq` (streams.proto of EventStoreDB), written from the last field to the first (W1 of wire.ts).
 * `number` comes back with the answer; `deadlineMs`: until when the server shall try, milliseconds since 1970.
 */
export function appendRequest(append: Append, number: number, deadlineMs: number): Buffer {
  const writer = new WireWriter(capacityOf(append));
  writer.number(4, 1);
  for (let at = append.events.length - 1; at >= 0; at -= 1) {
    const event = append.events[at];
    if (event !== undefined) writeEvent(writer, event);
  }
  writeOptions(writer, append, deadlineMs);
  const correlation = writer.end;
  writer.number(2, number);
  writer.message(1, correlation);
  writer.message(1, correlation);
  return writer.finish();
}

function writeOptions(writer: WireWriter, { stream, expected }: Append, deadlineMs: number): void {
  const options = writer.end;
  writer.number(1, Math.floor(deadlineMs / 1_000));
  writer.message(6, options);
  if (expected === 'any') writer.message(4, writer.end);
  else if (expected < 0) writer.message(3, writer.end);
  else writer.number(2, expected);
  const identifier = writer.end;
  writer.text(3, stream);
  writer.message(1, identifier);
  writer.message(2, options);
}

function writeEvent(writer: WireWriter, { id, type, isJson, data, metadata }: ProposedEvent): void {
  const event = writer.end;
  if (data.length > 0) writer.bytes(4, data);
  if (metadata.length > 0) writer.bytes(3, metadata);
  writeProperty(writer, 'content-type', isJson ? 'application/json' : 'application/octet-stream');
  writeProperty(writer, 'type', type);
  const uuid = writer.end;
  writer.text(2, id);
  writer.message(1, uuid);
  writer.message(3, event);
}

function writeProperty(writer: WireWriter, key: string, value: string): void {
  const property = writer.end;
  writer.text(2, value);
  writer.text(1, key);
  writer.message(2, property);
}

/** A character takes up to three bytes; the rest is what ids, property names, tags and lengths take, and some room. */
function capacityOf({ stream, events }: Append): number {
  return events.reduce(
    (sum, { type, data, metadata }) => sum + data.length + metadata.length + 3 * type.length + 192,
    128 + 3 * stream.length,
  );
}
