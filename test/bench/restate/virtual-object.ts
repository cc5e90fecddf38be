import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Restate's side: the service process, a virtual object that reads and writes a small state. Arguments: where the SDK is installed, port. */
interface Context {
  get(name: string): Promise<{ readonly total: number } | null>;
  set(name: string, value: { readonly total: number }): void;
}
interface Sdk {
  object(definition: {
    readonly name: string;
    readonly handlers: Readonly<Record<string, (context: Context, input: { readonly amount: number }) => Promise<unknown>>>;
  }): unknown;
  serve(options: { readonly services: readonly unknown[]; readonly port: number }): Promise<unknown>;
}

// The SDK calls what Node 20 does not have yet. It costs a closure per invocation, nothing beside a round trip.
if (!('withResolvers' in Promise)) {
  Object.defineProperty(Promise, 'withResolvers', {
    value: <T>() => {
      let resolve: (value: T) => void = () => undefined;
      let reject: (reason: unknown) => void = () => undefined;
      const promise = new Promise<T>((yes, no) => {
        resolve = yes;
        reject = no;
      });
      return { promise, resolve, reject };
    },
  });
}

const [installed = '.', port = '9080'] = process.argv.slice(2);
const resolved = createRequire(join(installed, 'package.json')).resolve('@restatedev/restate-sdk');
const sdk = (await import(pathToFileURL(resolved).href)) as Sdk;
const counter = sdk.object({
  name: 'counter',
  handlers: {
    add: async (context, { amount }) => {
      const before = await context.get('state');
      const after = { total: (before?.total ?? 0) + amount };
      context.set('state', after);
      return after;
    },
  },
});
await sdk.serve({ services: [counter], port: Number(port) });
