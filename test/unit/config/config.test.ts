import { expect, test } from 'vitest';
import { resolveConfig, SETTINGS, settingsPage } from '../../../runtime/config.ts';
import { LIMITS } from '../../../runtime/core/limits.ts';

test('without anything set the defaults stand', () => {
  const config = resolveConfig({ env: { HOME: '/home/me' } });
  expect(config).toMatchObject({
    port: 8080,
    dataDir: './data',
    deployment: 'perdure',
    partitions: 16,
    drainMs: 10_000,
    maxBodyBytes: 1_048_576,
    apiKeys: [],
  });
  for (const [name, value] of Object.entries(config.limits)) expect(value).toBe(LIMITS[name as keyof typeof LIMITS]);
});

test('C1: a flag wins over its variable, that over the file', () => {
  const file = { port: 1, partitions: 2, limits: { maxHeld: 3, snapshotEvery: 7 }, drainMs: 1_500 };
  const env = { PERDURE_PORT: '4', PERDURE_LIMIT_MAX_HELD: '5', PERDURE_HOST: '' };
  const config = resolveConfig({ env, file, flags: { port: '6', partitions: undefined } });
  expect(config).toMatchObject({ port: 6, partitions: 2, drainMs: 1_500, host: '0.0.0.0', limits: { maxHeld: 5, snapshotEvery: 7 } });
});

test('units are read: durations, sizes, lists', () => {
  const env = {
    PERDURE_DRAIN: '2m',
    PERDURE_MAX_BODY: '2MiB',
    PERDURE_API_KEYS: 'a, b',
    PERDURE_MAX_TURN_BYTES: '262144',
    PERDURE_LIMIT_PASSIVATE_AFTER: '500ms',
    PERDURE_LOG_LEVEL: 'debug',
    PERDURE_PAYMENTS_URL: 'http://localhost:9000',
  };
  expect(resolveConfig({ env })).toMatchObject({
    drainMs: 120_000,
    maxBodyBytes: 2_097_152,
    apiKeys: ['a', 'b'],
    maxTurnBytes: 262_144,
    limits: { passivateAfterMs: 500 },
    logLevel: 'debug',
    paymentsUrl: 'http://localhost:9000',
  });
});

test.each([
  ['PERDURE_PORT', '99999', 'a whole number from 0 to 65535'],
  ['PERDURE_PORT', 'http', 'a whole number'],
  ['PERDURE_DRAIN', '10', 'a duration such as'],
  ['PERDURE_MAX_BODY', '1MB', 'a size such as'],
  ['PERDURE_MAX_BODY', '64MiB', 'to 33554432'],
  ['PERDURE_LOG_LEVEL', 'verbose', 'one of fatal'],
  ['PERDURE_PARTITIONS', '0', 'from 1 to 1024'],
  ['PERDURE_HOST', 'a b', 'a host name'],
  ['PERDURE_PAYMENTS_URL', 'localhost', 'an http or https URL'],
])('C2: %s=%s stops the start and says what is accepted', (name, value, accepted) => {
  expect(() => resolveConfig({ env: { [name]: value } })).toThrow(expect.objectContaining({ code: 'invalid-config' }));
  expect(() => resolveConfig({ env: { [name]: value } })).toThrow(new RegExp(`${name}.*${value}.*${accepted}`));
});

test('C2: unknown variables, fields and sections are named', () => {
  expect(() => resolveConfig({ env: { PERDURE_PROT: '80' } })).toThrow(/PERDURE_PROT is not a setting \(known are PERDURE_PORT, /);
  expect(() => resolveConfig({ env: {}, file: { prot: 80 } })).toThrow(/config\.prot is not a setting/);
  expect(() => resolveConfig({ env: {}, file: { limits: { maxHold: 80 } } })).toThrow(/config\.limits\.maxHold is not a setting/);
  expect(() => resolveConfig({ env: {}, file: [] })).toThrow(/config is not an object/);
  expect(() => resolveConfig({ env: {}, file: { port: 1.5 } })).toThrow(/config\.port is 1\.5/);
  expect(() => resolveConfig({ env: {}, flags: { port: 'x' } })).toThrow(/--port is 'x'/);
});

test.each(['PERDURE_KAFKA_BROKERS', 'PERDURE_POSTGRES_URL'])('C2: %s is not supported yet, and says so', (name) => {
  expect(() => resolveConfig({ env: { [name]: 'x' } })).toThrow(new RegExp(`${name} is set, but this version does not support`));
});

test('keys are never shown in a message', () => {
  expect(() => resolveConfig({ env: { PERDURE_API_KEYS: 'top secret' } })).toThrow(/PERDURE_API_KEYS is '\(not shown\)'/);
});

test('runtime/CONFIG.md is up to date (else run this test with -u)', async () => {
  await expect(settingsPage()).toMatchFileSnapshot('../../../runtime/CONFIG.md');
});

test('every setting has a variable, a flag and a row in the docs', () => {
  const table = settingsPage();
  for (const { variable, flag, field } of SETTINGS) for (const name of [variable, flag, field]) expect(table).toContain(`\`${name}\``);
  expect(new Set(SETTINGS.map(({ variable }) => variable)).size).toBe(SETTINGS.length);
});

test('the default that is shown is the default', () => {
  for (const setting of SETTINGS) {
    if (setting.shown.startsWith('(')) continue;
    const refuse = (accepted: string): never => {
      throw new Error(accepted);
    };
    expect([setting.variable, setting.parse(setting.shown, refuse)]).toEqual([setting.variable, setting.fallback]);
  }
});
