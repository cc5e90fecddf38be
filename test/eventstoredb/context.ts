import type { FaultState } from './fault-state.ts';
import type { Log } from './log.ts';
import type { Switches } from './switches.ts';

/** What every service of one server is given. */
export interface ServerContext {
  readonly log: Log;
  readonly switches: Switches;
  readonly state: FaultState;
  /** Names to passwords; undefined: insecure, everybody may do everything. */
  readonly users: Readonly<Record<string, string>> | undefined;
  /** The port it listens on, once it does. */
  readonly port: () => number;
}
