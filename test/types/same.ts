/** True if two types are the same, not only assignable: `any` and optional fields count. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Does not compile unless A and B are the same type. Does nothing. */
export function same<A, B>(..._proof: Same<A, B> extends true ? [] : ['the types differ']): void {}
