import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ResolvedConfig } from '../config.ts';
import type { ActivityImplementation, AnyImplementation, AnyProjection } from '../core/definition/types.ts';
import { errorText, PerdureError } from '../core/errors.ts';

/** What a node runs: the default export of a program module, or what it makes of the configuration if it is a function. */
export interface Program {
  readonly entities: readonly AnyImplementation[];
  readonly projections?: readonly AnyProjection[];
  readonly activities?: readonly ActivityImplementation[];
}

/** A program module that was loaded. */
export interface LoadedProgram {
  /** Its `config` export, if it has one. */
  readonly config: unknown;
  /** The program for a configuration. Throws `invalid-config` that names the file if it is none, or fails. */
  readonly make: (config: ResolvedConfig) => Program;
}

const DEFAULT_FILE = 'dist/perdure.config.js';
const SECTIONS = ['entities', 'projections', 'activities'];

/** Loads a program module. Throws `invalid-config` that names the file if it is missing, fails, or its default export can be no program. */
export async function loadProgram(file: string | undefined, cwd: string): Promise<LoadedProgram> {
  const path = resolve(cwd, file ?? DEFAULT_FILE);
  if (!existsSync(path)) {
    const hint = file === undefined ? '; name it with --program, or build the package first' : '';
    throw new PerdureError('invalid-config', `there is no program at ${path}${hint}`);
  }
  const { default: exported, config } = await imported(path);
  if (typeof exported !== 'function') {
    const program = programOf(exported, `the default export of ${path}`);
    return { config, make: () => program };
  }
  return {
    config,
    make: (resolved) =>
      programOf(
        called(() => Reflect.apply(exported, undefined, [resolved]), path),
        `what the default export of ${path} returns`,
      ),
  };
}

async function imported(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new PerdureError('invalid-config', `the program ${path} does not load: ${textOf(cause)}`, undefined, { cause });
  }
}

function called(make: () => unknown, path: string): unknown {
  try {
    return make();
  } catch (cause) {
    throw new PerdureError('invalid-config', `the program ${path} cannot be made: ${textOf(cause)}`, undefined, { cause });
  }
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : errorText(thrown);
}

function programOf(value: unknown, what: string): Program {
  const wrong = (why: string) => new PerdureError('invalid-config', `${what} ${why}`);
  if (value instanceof Promise) throw wrong('is a promise: await in the module, not in the function');
  if (typeof value !== 'object' || value === null) throw wrong('is not {entities, projections?, activities?}');
  for (const [name, section] of Object.entries(value)) {
    if (!SECTIONS.includes(name)) throw wrong(`has no section '${name}' (it has ${SECTIONS.join(', ')})`);
    if (!Array.isArray(section)) throw wrong(`has ${name} that are no list`);
  }
  if (!('entities' in value)) throw wrong('has no entities');
  return value as Program; // what stands in the lists is checked when it is registered
}
