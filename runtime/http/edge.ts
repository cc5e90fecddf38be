import type { ResolvedConfig } from '../config.ts';
import type { TokenWriter } from '../core/token.ts';
import type { HostSurface } from '../host/surface.ts';
import type { SignalBus } from '../ports/signal-bus.ts';
import type { Deadlines } from './deadlines.ts';
import type { EdgeLog } from './exchange.ts';
import type { ProjectionReader } from './reader.ts';

/** The settings that the edge reads. */
export type EdgeConfig = Pick<ResolvedConfig, 'port' | 'host' | 'maxBodyBytes' | 'apiKeys'>;

/** What every route of the edge works with. */
export interface Edge {
  readonly host: HostSurface;
  /** Where signals go; updates go to the host, whose outcome they wait for. */
  readonly signals: Pick<SignalBus, 'publish'>;
  readonly reader: ProjectionReader;
  readonly config: EdgeConfig;
  readonly log: EdgeLog;
  readonly deadlines: Deadlines;
  readonly tokens: TokenWriter;
}
