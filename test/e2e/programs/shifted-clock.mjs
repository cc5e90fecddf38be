// Loaded before everything else (NODE_OPTIONS=--import): puts the wall clock of the process as many milliseconds ahead as the file CLOCK_FILE says,
// and looks at it again for every SIGUSR2. Delays go on as before, as they do when a machine's clock is set.
import { readFileSync } from 'node:fs';

const realNow = Date.now.bind(Date);
const RealDate = Date;
let aheadMs = 0;
const look = () => {
  aheadMs = Number(readFileSync(process.env.CLOCK_FILE, 'utf8'));
};

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(realNow() + aheadMs);
    else super(...given);
  }
  static now() {
    return realNow() + aheadMs;
  }
};

look();
process.on('SIGUSR2', () => {
  look();
  process.stdout.write(`{"clock":${aheadMs}}\n`);
});
