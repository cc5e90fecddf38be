import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { judged } from './judges/all.ts';
import { SCENARIOS, scenarioOf } from './scenarios.ts';
import { simulate } from './simulate.ts';

interface Options {
  readonly seed: string;
  readonly seeds: string;
  readonly scenario?: string;
  readonly trace?: string;
  readonly keepGoing?: boolean;
}

/** `npm run simulate`: runs scenarios over seeds until one is judged wrong; exit code 1 then. */
async function main(): Promise<void> {
  const command = new Command('simulate')
    .option('--seed <number>', 'first seed', '1')
    .option('--seeds <count>', 'number of seeds', '100')
    .option('--scenario <name>', `one of ${SCENARIOS.map(({ name }) => name).join(', ')}; all of them if absent`)
    .option('--trace <file>', 'write the trace of the last run')
    .option('--keep-going', 'go on after a violation')
    .parse();
  const options = command.opts<Options>();
  const scenarios = options.scenario === undefined ? SCENARIOS : [scenarioOf(options.scenario)];
  const first = Number(options.seed);
  const started = process.hrtime.bigint();
  const counts = { runs: 0, steps: 0, failed: 0, requests: 0, faults: new Map<string, number>() };
  for (let seed = first; seed < first + Number(options.seeds); seed += 1) {
    for (const scenario of scenarios) {
      const evidence = await simulate(scenario, seed).catch((error: unknown) => {
        throw new Error(`scenario ${scenario.name}, seed ${seed} ended in an error`, { cause: error });
      });
      counts.runs += 1;
      counts.steps += evidence.steps;
      counts.requests += evidence.requests.length;
      for (const [fault, count] of evidence.faults) counts.faults.set(fault, (counts.faults.get(fault) ?? 0) + count);
      if (options.trace !== undefined) writeFileSync(options.trace, evidence.trace.join('\n'));
      const violations = judged(evidence);
      if (violations.length === 0) continue;
      counts.failed += 1;
      process.exitCode = 1;
      process.stdout.write(`scenario ${scenario.name}, seed ${seed} (trace ${evidence.hash}, ${evidence.steps} steps):\n`);
      for (const { judge, what } of violations.slice(0, 8)) process.stdout.write(`  ${judge}: ${what}\n`);
      process.stdout.write(`  again: npm run simulate -- --seed ${seed} --seeds 1 --scenario ${scenario.name} --trace trace.txt\n`);
      if (options.keepGoing !== true) return;
    }
  }
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const faults = [...counts.faults].map(([fault, count]) => `${fault} ${(count / counts.runs).toFixed(1)}`).join(', ');
  process.stdout.write(
    `${counts.runs} runs in ${seconds.toFixed(1)} s (${(counts.runs / seconds).toFixed(1)}/s), ${Math.round(counts.steps / counts.runs)} steps and ${Math.round(counts.requests / counts.runs)} requests a run, ${counts.failed} wrong; faults a run: ${faults}\n`,
  );
}

await main();
