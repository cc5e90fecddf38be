import { parseExactly, wholeNumber } from './exact-json.ts';
import { JSON_CONTENT, type LogRecord } from './record.ts';

/** What the metadata of a stream says (section 4.4, 4.6). */
export interface StreamMetadata {
  readonly maxCount?: bigint;
  readonly maxAgeSeconds?: bigint;
  readonly truncateBefore?: bigint;
  /** `$acl`: rights (`$r`, `$w`, `$d`, `$mr`, `$mw`) to the users and groups that have them. */
  readonly acl?: Readonly<Record<string, readonly string[]>>;
}

const NONE: StreamMetadata = {};
const OF_METADATA_STREAM: StreamMetadata = { maxCount: 1n };
const utf8 = new TextDecoder();

/** Metadata that no user wrote: a metadata stream shows its last event only, any other stream everything. */
export function metadataAtFirst(isMetadataStream: boolean): StreamMetadata {
  return isMetadataStream ? OF_METADATA_STREAM : NONE;
}

/** The metadata that the last event of `$$stream` says. What is no valid metadata counts as none, as on the server. */
export function metadataOf(record: LogRecord | undefined): StreamMetadata {
  const fields = record === undefined ? undefined : fieldsOf(record);
  if (fields === undefined) return NONE;
  const numbers = ['$maxCount', '$maxAge', '$tb'].map((key) => numberOf(fields, key));
  const [maxCount, maxAgeSeconds, truncateBefore] = numbers;
  if (numbers.includes(null) || maxCount === 0n || maxAgeSeconds === 0n) return NONE;
  return {
    ...(typeof maxCount === 'bigint' ? { maxCount } : {}),
    ...(typeof maxAgeSeconds === 'bigint' ? { maxAgeSeconds } : {}),
    ...(typeof truncateBefore === 'bigint' ? { truncateBefore } : {}),
    ...('$acl' in fields ? { acl: aclOf(fields['$acl']) } : {}),
  };
}

/** The fields of a metadata event as they are, or undefined if it is no JSON object. */
export function fieldsOf(record: LogRecord): Readonly<Record<string, unknown>> | undefined {
  if (record.contentType !== JSON_CONTENT) return undefined;
  try {
    const value = parseExactly(utf8.decode(record.data));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A number that is not negative, undefined if the key is absent, null if something else stands there. */
function numberOf(fields: Readonly<Record<string, unknown>>, key: string): bigint | undefined | null {
  if (!(key in fields)) return undefined;
  const number = wholeNumber(fields[key]);
  return number === undefined || number < 0n ? null : number;
}

function aclOf(value: unknown): Readonly<Record<string, readonly string[]>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).map(([right, who]) => [right, (Array.isArray(who) ? who : [who]).map((name: unknown) => String(name))]),
  );
}
