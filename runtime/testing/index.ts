/**
 * `perdure/testing`: what users test their entities with: one turn without a runtime, a node in memory with
 * virtual time, and whole nodes in a seeded world where things go wrong.
 */

export { type Given, given, type Then } from './given.ts';
export { SimulatedClient } from './simulation/client.ts';
export { Cluster } from './simulation/cluster.ts';
export { Dice } from './simulation/dice.ts';
export { type Faults, NO_FAULTS } from './simulation/faults.ts';
export { History } from './simulation/history.ts';
export { SimulatedSource } from './simulation/source.ts';
export { World } from './simulation/world.ts';
export { type TestAdminRequest, type TestProgram, type TestRuntime, testRuntime } from './test-runtime.ts';
