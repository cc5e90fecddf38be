import type { Expected } from './record.ts';

/** Why the server does not do what it was asked (sections 4.1 to 4.3). `errors.ts` says how each looks on the wire. */
export type Refusal =
  | { readonly kind: 'wrong-expected-version'; readonly stream: string; readonly expected: Expected; readonly current: bigint }
  | { readonly kind: 'stream-deleted'; readonly stream: string }
  | { readonly kind: 'access-denied' }
  | { readonly kind: 'not-authenticated' }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'not-ready' }
  | { readonly kind: 'too-busy' }
  | { readonly kind: 'no-leader' }
  | { readonly kind: 'not-leader'; readonly leader: { readonly host: string; readonly port: number } }
  | { readonly kind: 'maximum-append-size-exceeded'; readonly limit: number }
  | { readonly kind: 'maximum-append-event-size-exceeded'; readonly eventId: string; readonly size: number; readonly limit: number }
  | { readonly kind: 'missing-required-metadata-property'; readonly property: string }
  | { readonly kind: 'bad-position'; readonly message: string }
  | { readonly kind: 'bad-request'; readonly message: string }
  /** A subscription of a server up to 23.10 that is too far behind. */
  | { readonly kind: 'consumer-too-slow' };
