/**
 * `perdure/client`: the typed client for other services and browsers. No Node API.
 */

export { connect } from './http-client.ts';
export type { TransportOptions as ConnectOptions } from './transport.ts';
export type {
  BatchFailure,
  BatchOptions,
  Client,
  Completed,
  Completion,
  Page,
  QueryOptions,
  Rows,
  RowsQuery,
  RunStatus,
  Scalar,
  SendOptions,
  Sent,
  WaitOptions,
} from './types.ts';
