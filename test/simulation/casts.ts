import { account } from '../../entities/account.ts';
import { cart } from '../../entities/cart.ts';
import { inventory } from '../../entities/inventory.ts';
import { accounts } from '../../projections/accounts.ts';
import { carts } from '../../projections/carts.ts';
import { statements } from '../../projections/statements.ts';
import { stock } from '../../projections/stock.ts';
import { definitionOf } from '../../runtime/core/definition/entity.ts';
import type { EntityDefinition } from '../../runtime/core/definition/erased.ts';
import { projectionOf } from '../../runtime/core/definition/projection.ts';
import type { ProjectionDefinition } from '../../runtime/projection/definition.ts';
import { projectionDefinition } from '../../runtime/projection/definitions.ts';
import { defectiveKnot, soundKnot } from './knot/knot.ts';
import { defectiveTangle, Senders, soundTangle, Tangles } from './tangle.ts';

const REFERENCE = [account, cart, inventory].map(definitionOf);
export const PROJECTIONS = [accounts, carts, statements, stock, Tangles, Senders].map((one) => projectionDefinition(projectionOf(one)));
/** Every entity type that appears in a simulation, as it should be. */
export const DEFINITIONS: readonly EntityDefinition[] = [...REFERENCE, soundTangle, soundKnot];

/** What the nodes of a simulation run: as it should be, and an older version with defects. */
export interface Cast {
  readonly sound: readonly EntityDefinition[];
  readonly defective: readonly EntityDefinition[];
  readonly projections: readonly ProjectionDefinition[];
}

/** Plain handlers only. */
export const PLAIN_CAST: Cast = {
  sound: [...REFERENCE, soundTangle],
  defective: [...REFERENCE, defectiveTangle],
  projections: PROJECTIONS,
};

/** Durable handlers. */
export const DURABLE_CAST: Cast = { sound: [soundKnot], defective: [defectiveKnot], projections: [] };
