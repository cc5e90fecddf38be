import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ActivityImplementation, AnyImplementation, AnyProjection } from '../core/definition/types.ts';
import { PerdureError } from '../core/errors.ts';

/** What a node runs: the default export of a program module. */
export interface Program {
  readonly entities: readonly AnyImplementation[];
  readonly projections?: readonly AnyProjection[];
  readonly activities?: readonly ActivityImplementation[];
}

const DEFAULT_FILE = 'dist/perdure.config.js';
const SECTIONS = ['entities', 'projections', 'activities'];

/**
 * Loads a program module: its default export, and its `config` export if it has one. Throws `invalid-config` that names the file if it is
 * missing, fails or is no program.
 */
export async function loadProgram(file: string | undefined, cwd: string): Promise<{ readonly program: Program; readonly config: unknown }> {
  const path = resolve(cwd, file ?? DEFAULT_FILE);
  if (!existsSync(path)) {
    const hint = file === undefined ? '; name it with --program, or build the package first' : '';
    throw new PerdureError('invalid-config', `there is no program at ${path}${hint}`);
  }
  let loaded: Readonly<Record<string, unknown>>;
  try {
    loaded = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw new PerdureError(
      'invalid-config',
      `the program ${path} does not load: ${error instanceof Error ? error.message : String(error)}`,
      undefined,
      {
        cause: error,
      },
    );
  }
  const { default: program, config } = loaded;
  return { program: programOf(program, path), config };
}

function programOf(value: unknown, path: string): Program {
  const wrong = (what: string) => new PerdureError('invalid-config', `the default export of ${path} ${what}`);
  if (typeof value !== 'object' || value === null) throw wrong('is not {entities, projections?, activities?}');
  for (const [name, section] of Object.entries(value)) {
    if (!SECTIONS.includes(name)) throw wrong(`has no section '${name}' (it has ${SECTIONS.join(', ')})`);
    if (!Array.isArray(section)) throw wrong(`has ${name} that are no list`);
  }
  if (!('entities' in value)) throw wrong('has no entities');
  return value as Program; // what stands in the lists is checked when it is registered
}
