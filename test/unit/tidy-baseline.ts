/** What was over a bound when the rule came: `path#name`. Entries are only ever taken out. */
export const BASELINE = {
  tooLarge: [
    'runtime/core/turn/context.ts#TurnContext',
    'runtime/host/counters.ts#Counters',
    'runtime/host/mailbox.ts#Mailbox',
    'test/contract/event-store.ts',
    'test/contract/event-store.ts#appending',
    'test/contract/event-store.ts#subscribing',
    'test/contract/read-store.ts',
    'test/unit/http/fake-host.ts#FakeHost',
  ],
  undocumented: [
    'runtime/adapters/embedded/log-batch.ts#createBatch',
    'runtime/config-values.ts#wholeNumber',
    'runtime/config-values.ts#word',
    'runtime/config-values.ts#oneOf',
    'runtime/http/body.ts#tooLarge',
    'runtime/http/openapi-entity.ts#entityPaths',
    'runtime/http/server.ts#createHttpServer',
  ],
  bannedCalls: ['test/unit/http/harness.ts#setTimeout'],
  looseTypes: [],
  leftOvers: [],
  twistedTests: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;
