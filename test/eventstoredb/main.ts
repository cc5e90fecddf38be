import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { Faults } from './faults.ts';
import { type EventStoreServer, startEventStore } from './server.ts';

interface Options {
  readonly port: number;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

type FaultName = keyof Faults;

const NAMES = Object.getOwnPropertyNames(Faults.prototype).filter((name): name is FaultName => name !== 'constructor');
/** One line of stdin: the name of a method of `Faults`, and what it takes. */
const LINE = z.object({ fault: z.enum(NAMES), args: z.array(z.unknown()).default([]) });

/** `npm run eventstore`: one server until SIGTERM or SIGINT; a fault per line of stdin, each answered by `ok` or `error …`. */
async function main(): Promise<void> {
  const options = new Command('eventstore')
    .addOption(new Option('--port <number>', 'port of 127.0.0.1; 0: any').argParser(Number).default(2113))
    .option('--tls-cert <file>', 'certificate (PEM)')
    .option('--tls-key <file>', 'its key (PEM)')
    .parse()
    .opts<Options>();
  const { port, tlsCert, tlsKey } = options;
  const tls =
    tlsCert === undefined || tlsKey === undefined
      ? {}
      : { tls: { cert: readFileSync(tlsCert, 'utf8'), key: readFileSync(tlsKey, 'utf8') } };
  const server = await startEventStore({ port, ...tls });
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => process.stdout.write(`${obey(server, line)}\n`));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      lines.close();
      process.stdin.destroy();
      void server.stop();
    });
  }
  process.stdout.write(`EventStoreDB test server (a fixture: keeps nothing): ${server.url}\n`);
}

function obey({ faults }: EventStoreServer, line: string): string {
  try {
    const { fault, args } = LINE.parse(JSON.parse(line));
    Reflect.apply(faults[fault], faults, args);
    return 'ok';
  } catch (error) {
    const message = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    return `error ${message.replaceAll('\n', ' ')}`;
  }
}

await main();
