import { z } from 'zod';

/**
 * The values that several contracts share. Amounts are integers in minor units.
 *
 * The maxima keep every product and every realistic sum below 2^53: one line is at most 10^12, so it takes thousands of lines of the
 * maximum to leave the exact range, and `z.int()` in the outputs then refuses the result instead of answering a rounded one.
 */

/** A name from outside that may also be an entity's id: 1 to 255 characters, no control characters, no lone surrogates. */
export const Identifier = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u);

/** A name for people: 1 to 255 characters, no lone surrogates: those cannot be stored, and the sender shall hear it, not the operator. */
export const Text = z
  .string()
  .min(1)
  .max(255)
  .regex(/^\P{Cs}*$/u);

/** Units of one line or order: 1 to 10 000. */
export const Quantity = z.int().min(1).max(10_000);

/** Price of one unit: 0 to 10^8. */
export const UnitPrice = z.int().min(0).max(100_000_000);

/** An amount that is moved: 1 to 10^10. */
export const Amount = z.int().min(1).max(10_000_000_000);

/** A count or sum that is answered: a whole number from 0, exact. */
export const Sum = z.int().min(0);
