/**
 * `perdure/testing`: what users test their entities with, without a runtime.
 */

export { type Given, given, type Then } from './given.ts';
