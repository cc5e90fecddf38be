import { pack } from 'msgpackr';

/** The three forms of a batch: what a response is made of, piece by piece. */
export interface BatchForm {
  readonly contentType: string;
  /** Before the first result; the number of results if it is known. */
  open(count: number): string | Buffer;
  item(result: object, index: number): string | Buffer;
  close(): string;
}

export const NDJSON: BatchForm = {
  contentType: 'application/x-ndjson; charset=utf-8',
  open: () => '',
  item: (result) => `${JSON.stringify(result)}\n`,
  close: () => '',
};

export const JSON_ARRAY: BatchForm = {
  contentType: 'application/json; charset=utf-8',
  open: () => '[',
  item: (result, index) => (index === 0 ? JSON.stringify(result) : `,${JSON.stringify(result)}`),
  close: () => ']',
};

export const MSGPACK_ARRAY: BatchForm = {
  contentType: 'application/msgpack',
  open: (count) => {
    const head = Buffer.alloc(5);
    head[0] = 0xdd; // array 32
    head.writeUInt32BE(count, 1);
    return head;
  },
  item: (result) => pack(result),
  close: () => '',
};
