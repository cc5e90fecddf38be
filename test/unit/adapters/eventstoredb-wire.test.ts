import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import fc from 'fast-check';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import { expect, test } from 'vitest';
import { appendRequest } from '../../../runtime/adapters/eventstoredb/append-request.ts';
import { appendAnswer } from '../../../runtime/adapters/eventstoredb/append-result.ts';
import type { ProposedEvent } from '../../../runtime/adapters/eventstoredb/appender.ts';
import { readAnswer } from '../../../runtime/adapters/eventstoredb/recorded-event.ts';
import { WireReader, WireWriter } from '../../../runtime/adapters/eventstoredb/wire.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 });
const bytes = fc.uint8Array({ maxLength: 400 });
const event: fc.Arbitrary<ProposedEvent> = fc.record({ id: fc.uuid(), type: text, isJson: fc.boolean(), data: bytes, metadata: bytes });
const expected = fc.oneof(fc.constant('any' as const), fc.constant(-1), fc.nat(), fc.maxSafeNat());

test('an append reads in the generated classes as what was asked for', () => {
  fc.assert(
    fc.property(
      text,
      expected,
      fc.array(event, { maxLength: 5 }),
      fc.maxSafeNat(),
      fc.nat(),
      (stream, revision, events, number, deadlineS) => {
        const append = { stream, expected: revision, events, settled: () => undefined };
        const read = streams.BatchAppendReq.deserializeBinary(appendRequest(append, number, deadlineS * 1_000));
        const options = read.getOptions();
        expect(read.getIsFinal()).toBe(true);
        expect(read.getCorrelationId()?.getStructured()?.getLeastSignificantBits()).toBe(String(number));
        expect(Buffer.from(options?.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString()).toBe(Buffer.from(stream).toString());
        expect(options?.getDeadline()?.getSeconds()).toBe(deadlineS);
        expect([options?.hasAny(), options?.hasNoStream(), options?.hasStreamPosition()]).toEqual([
          revision === 'any',
          revision === -1,
          revision !== 'any' && revision >= 0,
        ]);
        if (options?.hasStreamPosition() === true) expect(options.getStreamPosition()).toBe(String(revision));
        expect(read.getProposedMessagesList().map(eventOf)).toEqual(events.map(plain));
      },
    ),
  );
});

function eventOf(message: streams.BatchAppendReq.ProposedMessage) {
  const properties = message.getMetadataMap();
  return {
    id: message.getId()?.getString(),
    type: properties.get('type'),
    isJson: properties.get('content-type') === 'application/json',
    data: [...message.getData_asU8()],
    metadata: [...message.getCustomMetadata_asU8()],
  };
}

function plain({ data, metadata, type, ...rest }: ProposedEvent) {
  return { ...rest, type: Buffer.from(type).toString(), data: [...data], metadata: [...metadata] };
}

test('an event that was written with the generated classes is read as what it is', () => {
  fc.assert(
    fc.property(text, event, fc.maxSafeNat(), fc.maxSafeNat(), fc.nat(), (stream, { id, type, data }, revision, position, createdMs) => {
      const record = new streams.ReadResp.ReadEvent.RecordedEvent();
      record.setId(new shared.UUID().setString(id)).setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from(stream)));
      record.setStreamRevision(String(revision)).setCommitPosition(String(position)).setPreparePosition(String(position));
      record
        .getMetadataMap()
        .set('type', type)
        .set('content-type', 'application/octet-stream')
        .set('created', String(createdMs * 10_000));
      record.setData(data).setCustomMetadata(Buffer.from('{"turn":"t"}'));
      const answer = new streams.ReadResp().setEvent(new streams.ReadResp.ReadEvent().setEvent(record).setCommitPosition(String(position)));
      const { event: read } = readAnswer(Buffer.from(answer.serializeBinary()));
      expect({ ...read, data: [...((read?.data ?? []) as Uint8Array)] }).toEqual({
        id,
        streamId: Buffer.from(stream).toString(),
        revision: BigInt(revision),
        type: Buffer.from(type).toString(),
        isJson: false,
        data: [...data],
        metadata: { turn: 't' },
        created: new Date(createdMs),
        position: { commit: BigInt(position) },
      });
    }),
  );
});

test.each([
  ['application/json', '{"a":1}', { a: 1 }, { a: 1 }],
  ['application/json', '{"a":', '{"a":', Buffer.from('{"a":')],
  ['application/octet-stream', '', Buffer.alloc(0), undefined],
])('data and metadata of %s that hold "%s" are read as the stock client reads them', (contentType, text, data, metadata) => {
  const record = new streams.ReadResp.ReadEvent.RecordedEvent().setData(Buffer.from(text)).setCustomMetadata(Buffer.from(text));
  record.getMetadataMap().set('content-type', contentType);
  const answer = new streams.ReadResp().setEvent(new streams.ReadResp.ReadEvent().setEvent(record));
  expect(readAnswer(Buffer.from(answer.serializeBinary())).event).toMatchObject({ data, metadata });
});

test('an answer that is no event is read as none', () => {
  const checkpoint = new streams.ReadResp.Checkpoint().setCommitPosition('7').setPreparePosition('7');
  for (const answer of [new streams.ReadResp(), new streams.ReadResp().setCheckpoint(checkpoint)])
    expect(readAnswer(Buffer.from(answer.serializeBinary()))).toEqual({ event: undefined });
});

const halves = (number: number) =>
  new shared.UUID().setStructured(new shared.UUID.Structured().setMostSignificantBits('0').setLeastSignificantBits(String(number)));
const asText = (number: number) =>
  new shared.UUID().setString(`00000000-0000-0000-${number.toString(16).padStart(16, '0').replace(/^.{4}/, '$&-')}`);

test.each([
  ['two halves', halves],
  ['text', asText],
])('an answer that names its append as %s is read, with revision and position', (_, idOf) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 50 }), fc.maxSafeNat(), fc.maxSafeNat(), (number, revision, position) => {
      const place = new shared.AllStreamPosition().setCommitPosition(String(position)).setPreparePosition(String(position));
      const success = new streams.BatchAppendResp.Success().setCurrentRevision(String(revision)).setPosition(place);
      const answer = new streams.BatchAppendResp().setCorrelationId(idOf(number)).setSuccess(success);
      answer.setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from('cart-1'))).setStreamPosition('7');
      const result = { kind: 'appended', revision, position };
      expect(appendAnswer(Buffer.from(answer.serializeBinary()))).toEqual({ number, result });
    }),
  );
});

test('an answer without a position has none; one that is neither success nor error is unknown', () => {
  const success = new streams.BatchAppendResp.Success().setNoStream(new empty.Empty()).setNoPosition(new empty.Empty());
  const answer = new streams.BatchAppendResp().setCorrelationId(halves(3));
  expect(appendAnswer(Buffer.from(answer.serializeBinary()))).toMatchObject({ number: 3, result: { kind: 'unknown' } });
  answer.setSuccess(success);
  const result = { kind: 'appended', revision: -1, position: undefined };
  expect(appendAnswer(Buffer.from(answer.serializeBinary()))).toEqual({ number: 3, result });
});

test('W1: what exceeds its capacity is an error, not a message that is cut off', () => {
  const writer = new WireWriter(4);
  writer.number(1, 1);
  expect(() => writer.bytes(2, new Uint8Array(8))).toThrow(RangeError);
});

test('W2: fields that nobody asks for are passed over, whatever they hold; what is cut off is an error', () => {
  const writer = new WireWriter(64);
  writer.text(4, 'wanted');
  writer.bytes(3, new Uint8Array(3));
  writer.number(2, 2 ** 53 - 1);
  const made = Buffer.concat([Buffer.from([1 * 8 + 5, 0, 0, 0, 0, 1 * 8 + 1, 0, 0, 0, 0, 0, 0, 0, 0]), writer.finish()]);
  const reader = new WireReader(made);
  let wanted = '';
  while (reader.next()) if (reader.field === 4) wanted = reader.text();
  expect(wanted).toBe('wanted');
  const cut = new WireReader(made.subarray(0, -1));
  expect(() => {
    while (cut.next());
  }).toThrow(RangeError);
});
