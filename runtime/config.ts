import { invalid, oneOf, sizeBytes, textList, waitMs, wholeNumber, word } from './config-values.ts';
import { PerdureError } from './core/errors.ts';
import { LIMITS } from './core/limits.ts';

/**
 * The configuration: one table, from which the values, the flags, `--help` and the docs are made.
 *
 * Invariants:
 * C1. A flag wins over its environment variable, that over the program's file, that over the default.
 * C2. An unknown `PERDURE_` variable, an unknown field and a value that is not understood stop the start with a message that names them.
 */
export interface ResolvedConfig {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  readonly deployment: string;
  readonly partitions: number;
  readonly drainMs: number;
  readonly maxBodyBytes: number;
  readonly apiKeys: readonly string[];
  readonly logLevel: LogLevel;
  readonly maxTurnBytes: number;
  /** Connection string of EventStoreDB; undefined: streams live in the embedded store. */
  readonly eventstoreUrl: string | undefined;
  /** How payloads are written to EventStoreDB; what is there is read whichever it is. */
  readonly eventstorePayloads: PayloadFormat;
  /** Without Kafka one node works on a store of several: when a lease that its holder does not renew is over. */
  readonly leaseMs: number;
  /** Where the payments activity of the reference entities charges; undefined: the sandbox in the process. */
  readonly paymentsUrl: string | undefined;
  readonly limits: ConfiguredLimits;
}

const PAYLOAD_FORMATS = ['msgpack', 'json'] as const;
type PayloadFormat = (typeof PAYLOAD_FORMATS)[number];

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The limits of `runtime/core/limits.ts` that a deployment may change. */
export interface ConfiguredLimits {
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
  readonly maxMailboxMessages: number;
  readonly maxEntitiesInMemory: number;
  readonly maxEntityBytesInMemory: number;
  readonly passivateAfterMs: number;
  readonly snapshotEvery: number;
  readonly maxHeld: number;
  readonly maxRehydrations: number;
}

/** One setting. `field` is its name in the program's `config` export; `parse` throws `invalid-config` by way of `refuse`. */
export interface Setting<T = unknown> {
  readonly field: string;
  readonly variable: string;
  readonly flag: string;
  readonly fallback: T;
  /** The default as people write it. */
  readonly shown: string;
  readonly help: string;
  readonly parse: Parse<T>;
}

/** Reads text (environment, flag) or a plain value (file). Calls `refuse` with what would be accepted. */
export type Parse<T> = (value: unknown, refuse: (accepted: string) => never) => T;

function setting<T>(field: string, variable: string, fallback: T, shown: string, parse: Parse<T>, help: string): Setting<T> {
  return { field, variable: `PERDURE_${variable}`, flag: `--${variable.toLowerCase().replaceAll('_', '-')}`, fallback, shown, help, parse };
}

function limit(field: keyof ConfiguredLimits, variable: string, shown: string, parse: Parse<number>, help: string): Setting<number> {
  return setting(`limits.${field}`, `LIMIT_${variable}`, LIMITS[field], shown, parse, help);
}

const count = wholeNumber(1, 1_000_000_000);
const bytes = sizeBytes(1_024, 1024 ** 4);

const TOP = {
  port: setting('port', 'PORT', 8080, '8080', wholeNumber(0, 65_535), 'port of the HTTP server; 0 for any free one'),
  host: setting('host', 'HOST', '0.0.0.0', '0.0.0.0', word(/^[^\s/]{1,255}$/, 'a host name or address'), 'address it listens on'),
  dataDir: setting('dataDir', 'DATA_DIR', './data', './data', word(/^[^\0]{1,4096}$/, 'a directory'), 'directory of the embedded store'),
  deployment: setting(
    'deployment',
    'DEPLOYMENT',
    'perdure',
    'perdure',
    word(/^[A-Za-z0-9._-]{1,200}$/, 'letters, digits, dot, dash or underscore'),
    'name of the deployment',
  ),
  partitions: setting('partitions', 'PARTITIONS', 16, '16', wholeNumber(1, 1_024), 'home partitions; fixed when the store is made'),
  drainMs: setting('drainMs', 'DRAIN', 10_000, '10s', waitMs(0, 3_600_000), 'time for requests under way when the node stops'),
  maxBodyBytes: setting('maxBodyBytes', 'MAX_BODY', 1024 ** 2, '1MiB', sizeBytes(1_024, 32 * 1024 ** 2), 'largest request body'),
  apiKeys: setting<readonly string[]>('apiKeys', 'API_KEYS', [], '(none: open)', textList(), 'API keys, separated by commas'),
  logLevel: setting<LogLevel>('logLevel', 'LOG_LEVEL', 'info', 'info', oneOf(LOG_LEVELS), 'least level that is logged'),
  maxTurnBytes: setting(
    'maxTurnBytes',
    'MAX_TURN_BYTES',
    LIMITS.maxTurnBytes,
    '512KiB',
    sizeBytes(4_096, 64 * 1024 ** 2),
    'largest append',
  ),
  eventstoreUrl: setting<string | undefined>(
    'eventstoreUrl',
    'EVENTSTORE_URL',
    undefined,
    '(embedded store)',
    word(/^(esdb|kurrentdb)(\+discover)?:\/\/\S{1,4000}$/, 'a connection string, esdb://…'),
    'EventStoreDB (KurrentDB) that the streams live in',
  ),
  eventstorePayloads: setting<PayloadFormat>(
    'eventstorePayloads',
    'EVENTSTORE_PAYLOADS',
    'msgpack',
    'msgpack',
    oneOf(PAYLOAD_FORMATS),
    'how payloads are written there: msgpack or json',
  ),
  leaseMs: setting(
    'leaseMs',
    'LEASE',
    15_000,
    '15s',
    waitMs(1_000, 600_000),
    'time after which another node may take the store over from one that is silent',
  ),
  paymentsUrl: setting<string | undefined>(
    'paymentsUrl',
    'PAYMENTS_URL',
    undefined,
    '(sandbox)',
    word(/^https?:\/\/\S{1,2000}$/, 'an http or https URL'),
    'payment gateway of the reference entities',
  ),
};

const LIMIT_SETTINGS = {
  maxQueuedMessages: limit('maxQueuedMessages', 'MAX_QUEUED_MESSAGES', '50000', count, 'messages waiting in all mailboxes'),
  maxQueuedBytes: limit('maxQueuedBytes', 'MAX_QUEUED_BYTES', '64MiB', bytes, 'bytes waiting in all mailboxes'),
  maxMailboxMessages: limit('maxMailboxMessages', 'MAX_MAILBOX_MESSAGES', '10000', count, 'messages waiting in one mailbox'),
  maxEntitiesInMemory: limit('maxEntitiesInMemory', 'MAX_ENTITIES_IN_MEMORY', '50000', count, 'entities in memory'),
  maxEntityBytesInMemory: limit('maxEntityBytesInMemory', 'MAX_ENTITY_BYTES_IN_MEMORY', '256MiB', bytes, 'bytes of entity state in memory'),
  passivateAfterMs: limit(
    'passivateAfterMs',
    'PASSIVATE_AFTER',
    '5m',
    waitMs(0, 7 * 86_400_000),
    'idle time before an entity leaves memory; 0ms: after every turn',
  ),
  snapshotEvery: limit('snapshotEvery', 'SNAPSHOT_EVERY', '200', count, 'least records between snapshots'),
  maxHeld: limit('maxHeld', 'MAX_HELD', '10000', count, 'signals that a parked or paused entity holds'),
  maxRehydrations: limit('maxRehydrations', 'MAX_REHYDRATIONS', '64', wholeNumber(1, 10_000), 'entities rehydrated at once'),
} satisfies { readonly [K in keyof ConfiguredLimits]: Setting<number> };

/** Every setting, in the order of the docs. */
export const SETTINGS: readonly Setting[] = [...Object.values(TOP), ...Object.values(LIMIT_SETTINGS)];

/** What the design names and this version does not do: set, it must not be ignored. */
const NOT_YET: Readonly<Record<string, string>> = {
  PERDURE_KAFKA_BROKERS: 'signals from Kafka',
  PERDURE_POSTGRES_URL: 'rows in PostgreSQL',
  PERDURE_SECRET: 'several nodes',
  PERDURE_URL: 'several nodes',
};

export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Values of flags by field, as text. */
  readonly flags?: Readonly<Record<string, string | undefined>>;
  /** The program's `config` export: fields as in ResolvedConfig, values as text or as plain values (durations in ms, sizes in bytes). */
  readonly file?: unknown;
}

/** The configuration of a node (C1). An empty variable counts as absent. Throws `invalid-config` (C2). */
export function resolveConfig(sources: ConfigSources): ResolvedConfig {
  checkVariables(sources.env);
  const file = fileValues(sources.file);
  const value = <T>(setting: Setting<T>): T => {
    const flag = sources.flags?.[setting.field];
    if (flag !== undefined) return read(setting, setting.flag, flag);
    const variable = sources.env[setting.variable];
    if (variable !== undefined && variable !== '') return read(setting, setting.variable, variable);
    const given = file.get(setting.field);
    return given === undefined ? setting.fallback : read(setting, `config.${setting.field}`, given);
  };
  return {
    port: value(TOP.port),
    host: value(TOP.host),
    dataDir: value(TOP.dataDir),
    deployment: value(TOP.deployment),
    partitions: value(TOP.partitions),
    drainMs: value(TOP.drainMs),
    maxBodyBytes: value(TOP.maxBodyBytes),
    apiKeys: value(TOP.apiKeys),
    logLevel: value(TOP.logLevel),
    maxTurnBytes: value(TOP.maxTurnBytes),
    eventstoreUrl: value(TOP.eventstoreUrl),
    eventstorePayloads: value(TOP.eventstorePayloads),
    leaseMs: value(TOP.leaseMs),
    paymentsUrl: value(TOP.paymentsUrl),
    limits: {
      maxQueuedMessages: value(LIMIT_SETTINGS.maxQueuedMessages),
      maxQueuedBytes: value(LIMIT_SETTINGS.maxQueuedBytes),
      maxMailboxMessages: value(LIMIT_SETTINGS.maxMailboxMessages),
      maxEntitiesInMemory: value(LIMIT_SETTINGS.maxEntitiesInMemory),
      maxEntityBytesInMemory: value(LIMIT_SETTINGS.maxEntityBytesInMemory),
      passivateAfterMs: value(LIMIT_SETTINGS.passivateAfterMs),
      snapshotEvery: value(LIMIT_SETTINGS.snapshotEvery),
      maxHeld: value(LIMIT_SETTINGS.maxHeld),
      maxRehydrations: value(LIMIT_SETTINGS.maxRehydrations),
    },
  };
}

/** Settings that may hold a password or a key. */
const SECRET: ReadonlySet<string> = new Set(['PERDURE_API_KEYS', 'PERDURE_EVENTSTORE_URL']);

function read<T>(setting: Setting<T>, name: string, value: unknown): T {
  return setting.parse(value, (accepted) => invalid(name, SECRET.has(setting.variable) ? '(not shown)' : value, accepted));
}

function checkVariables(env: ConfigSources['env']): void {
  for (const [name, value] of Object.entries(env)) {
    // What tests are told is nothing that a node is told.
    if (!name.startsWith('PERDURE_') || name.startsWith('PERDURE_TEST_') || value === undefined || value === '') continue;
    const missing = NOT_YET[name];
    if (missing !== undefined) {
      throw new PerdureError(
        'invalid-config',
        `${name} is set, but this version does not support ${missing}; unset it to run on the embedded store`,
      );
    }
    if (!SETTINGS.some((setting) => setting.variable === name)) {
      const known = SETTINGS.map((setting) => setting.variable).join(', ');
      throw new PerdureError('invalid-config', `${name} is not a setting (known are ${known})`);
    }
  }
}

/** The file's values by field, `limits.…` flattened. */
function fileValues(file: unknown): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  if (file === undefined) return values;
  for (const [field, value] of entriesOf(file, 'config')) {
    if (field === 'limits') for (const [name, limit] of entriesOf(value, 'config.limits')) values.set(`limits.${name}`, limit);
    else values.set(field, value);
  }
  for (const field of values.keys()) {
    if (!SETTINGS.some((setting) => setting.field === field)) {
      throw new PerdureError('invalid-config', `config.${field} is not a setting (known are ${SETTINGS.map((s) => s.field).join(', ')})`);
    }
  }
  return values;
}

function entriesOf(value: unknown, what: string): readonly [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new PerdureError('invalid-config', `${what} is not an object`);
  return Object.entries(value);
}

/** The settings as a page, for the docs. */
export function settingsPage(): string {
  const rows = SETTINGS.map(
    ({ variable, flag, field, shown, help }) => `| \`${variable}\` | \`${flag}\` | \`${field}\` | ${shown} | ${help} |`,
  );
  return `# Configuration

Made from the table in \`config.ts\`: do not edit. A flag of the \`perdure\` command wins over its environment variable, that over the field of the
program's \`config\` export, that over the default. Unknown or wrong values stop the start. Durations: \`500ms\`, \`10s\`, \`5m\`, \`2h\`, \`1d\`; sizes:
\`512KiB\`, \`1MiB\` or bytes; in the \`config\` export also numbers of milliseconds and bytes.

| variable | flag | field | default | what |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}
