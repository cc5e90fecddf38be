import { payloads } from '../in-process/work.ts';
import { closedLoop, type Load, type Sink, touchAll } from '../lib/closed-loop.ts';
import { serveAsPeer } from '../lib/peer.ts';
import { nodeSystem } from './node.ts';
import { type AppendSystem, adapterSystem, bareSystem, clientSystem, USUAL } from './sinks.ts';
import { profiled, type Split } from './split.ts';

/**
 * One measured system in a process of its own: `system.js NAME URL ROWS-DIRECTORY`. Answers a load with what was measured, or with its split; `touch`
 * sends one signal to each of that many keys.
 */
export interface TouchRequest {
  readonly touch: number;
}
export interface SplitRequest {
  readonly split: Load;
}
/** Of `signals` signals, those before the measured time too. */
export interface SplitMeasured extends Split {
  readonly signals: number;
}

const OPEN: Readonly<Record<string, (url: string, rowsDir: string) => Promise<AppendSystem>>> = {
  bare: bareSystem,
  adapter: (url) => adapterSystem(url, []),
  'adapter-5': (url) => adapterSystem(url, USUAL),
  client: clientSystem,
  node: nodeSystem,
};

const [name = '', url = '', rowsDir = ''] = process.argv.slice(2);
const open = OPEN[name];
if (open === undefined) throw new Error(`unknown system ${name}`);
const { sink, close } = await open(url, rowsDir);
const messages = payloads(1_024);

async function split(load: Load): Promise<SplitMeasured> {
  let signals = 0;
  const counting: Sink = {
    done: () => undefined,
    submit: (key, bytes, slot) => {
      signals += 1;
      sink.submit(key, bytes, slot);
    },
  };
  sink.done = (slot) => counting.done(slot);
  return { ...(await profiled(() => closedLoop(counting, messages, load))), signals };
}

function answer(request: Load | SplitRequest | TouchRequest): Promise<unknown> {
  if ('touch' in request) return touchAll(sink, messages, request.touch, Math.min(MOST_TOUCHED, request.touch));
  return 'split' in request ? split(request.split) : closedLoop(sink, messages, request);
}
/** Signals in flight while keys are touched. */
const MOST_TOUCHED = 64;

serveAsPeer(answer, close);
