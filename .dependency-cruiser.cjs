// The direction of dependencies (DESIGN): core <- ports <- host, projection <- http, cli, testing; adapters know ports and core's types.
const rule = (name, from, to, comment) => ({ name, severity: 'error', comment, from, to });
module.exports = {
  forbidden: [
    rule(
      'no-cycles',
      { path: '^(runtime|entities|projections)' },
      { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
      'A cycle hides what depends on what.',
    ),
    rule('core-is-pure', { path: '^runtime/core' }, { path: '^runtime/', pathNot: '^runtime/core' }, 'The core knows nothing but itself.'),
    rule(
      'core-has-no-io',
      { path: '^runtime/core' },
      { dependencyTypes: ['core'] },
      'No Node API in the core: no I/O, no clock, no randomness.',
    ),
    rule(
      'core-has-few-libraries',
      { path: '^runtime/core' },
      { dependencyTypes: ['npm'], pathNot: 'node_modules/(msgpackr|@standard-schema)' },
      'Libraries in the core must be pure.',
    ),
    rule(
      'ports-know-core',
      { path: '^runtime/ports' },
      { path: '^runtime/', pathNot: '^runtime/(core|ports)' },
      'Ports are interfaces over core types.',
    ),
    rule(
      'host-knows-ports',
      { path: '^runtime/host' },
      { path: '^runtime/', pathNot: '^runtime/(core|ports|host)' },
      'The host is given its adapters.',
    ),
    rule(
      'projection-knows-ports',
      { path: '^runtime/projection' },
      { path: '^runtime/', pathNot: '^runtime/(core|ports|projection)' },
      'The projection engine is given its stores.',
    ),
    rule(
      'adapters-know-ports',
      { path: '^runtime/adapters/([^/]+)' },
      { path: '^runtime/', pathNot: ['^runtime/(core|ports)', '^runtime/adapters/($1|shared)/'] },
      'Adapters know only ports, core types and what they share.',
    ),
    rule(
      'only-roots-know-adapters',
      { path: '^runtime/', pathNot: '^runtime/(adapters|testing|start\\.ts|stores\\.ts|offline\\.ts)' },
      { path: '^runtime/adapters' },
      'Composition happens in start.ts (a node, with stores.ts), offline.ts (a store without a node) and testing only.',
    ),
    rule('testing-uses-memory', { path: '^runtime/testing' }, { path: '^runtime/adapters/(?!memory)' }, 'Tests of users run in memory.'),
    rule(
      'client-knows-contracts',
      { path: '^runtime/client' },
      { path: '^runtime/', pathNot: '^runtime/(core|client)' },
      'A client carries no server code.',
    ),
    rule(
      'runtime-knows-no-example',
      { path: '^runtime/' },
      { path: '^(entities|projections|test)' },
      'The product does not depend on its examples.',
    ),
    rule(
      'examples-use-the-surface',
      { path: '^(entities|projections)' },
      { path: '^runtime/', pathNot: '^runtime/(index|client/index|testing/index|start)\\.ts$' },
      'Examples use what users can use.',
    ),
    rule(
      'no-dev-dependencies',
      { path: '^(runtime|entities|projections)' },
      { dependencyTypes: ['npm-dev'] },
      'Shipped code depends on shipped packages.',
    ),
    rule('resolvable', {}, { couldNotResolve: true }, 'Every import exists.'),
  ],
  options: {
    doNotFollow: { path: 'node_modules|dist' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { conditionNames: ['source', 'import', 'node', 'default', 'types'], exportsFields: ['exports'] },
  },
};
