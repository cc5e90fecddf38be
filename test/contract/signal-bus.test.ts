import { EmbeddedSignalBus } from '../../runtime/adapters/embedded/signal-bus.ts';
import { createBusLog, MemorySignalBus } from '../../runtime/adapters/memory/signal-bus.ts';
import { signalBusContract } from './signal-bus.ts';

signalBusContract('embedded', () => ({ open: async () => new EmbeddedSignalBus() }));
signalBusContract('memory', () => {
  const log = createBusLog();
  const open = async () => new MemorySignalBus(log);
  return { open, reopen: open };
});
