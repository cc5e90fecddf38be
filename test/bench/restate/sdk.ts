import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What the benches use of Restate's SDK, which is installed apart from this package and therefore not known to its compiler. */
export interface RestateContext {
  get<T>(name: string): Promise<T | null>;
  set(name: string, value: unknown): void;
  sleep(ms: number): Promise<void>;
  run<T>(name: string, step: () => Promise<T>): Promise<T>;
  awakeable<T>(): { readonly id: string; readonly promise: Promise<T> };
}
interface Definition<I> {
  readonly name: string;
  readonly handlers: Readonly<Record<string, (context: RestateContext, input: I) => Promise<unknown>>>;
}
interface Sdk {
  /** Handlers with a key, one at a time per key, with a state. */
  object<I>(definition: Definition<I>): unknown;
  /** Handlers without a key. */
  service<I>(definition: Definition<I>): unknown;
  serve(options: { readonly services: readonly unknown[]; readonly port: number }): Promise<unknown>;
}

/** Serves what `services` makes with the SDK. The arguments of the process are the directory in which the SDK is installed, and a port. */
export async function serveRestate(services: (sdk: Sdk) => readonly unknown[]): Promise<void> {
  const [installed = '.', port = '9080'] = process.argv.slice(2);
  defineWithResolvers();
  const resolved = createRequire(join(installed, 'package.json')).resolve('@restatedev/restate-sdk');
  const sdk = (await import(pathToFileURL(resolved).href)) as Sdk;
  await sdk.serve({ services: services(sdk), port: Number(port) });
}

/** The SDK calls what Node 20 does not have yet. It costs a closure per invocation, nothing beside a round trip. */
function defineWithResolvers(): void {
  if ('withResolvers' in Promise) return;
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
