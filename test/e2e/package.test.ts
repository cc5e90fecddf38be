import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../tools/node-process.ts';
import { scratchDir } from './scratch.ts';

const ROOT = packageRoot();

test('the packed package installs into an empty project, loads at every entry point, and the entity of the README compiles and runs', {
  timeout: 180_000,
}, async () => {
  const dir = await scratchDir();
  const packed = JSON.parse(npm(ROOT, 'pack', '--ignore-scripts', '--json', '--pack-destination', dir)) as unknown;
  const [tarball] = Object.values(packed as object) as readonly {
    readonly filename: string;
    readonly files: readonly { readonly path: string }[];
  }[];
  if (tarball === undefined) throw new Error('npm pack named no tarball');
  const paths = tarball.files.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      'package.json',
      'README.md',
      'runtime/DURABLE.md',
      'runtime/testing/README.md',
      'LICENSE',
      'CHANGELOG.md',
      'dist/runtime/index.js',
      'dist/runtime/cli/main.js',
    ]),
  );
  expect(
    paths.filter(
      (path) =>
        !/^(dist\/(runtime|entities|projections|perdure\.config)|runtime\/.*\.md$|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$)/.test(
          path,
        ),
    ),
  ).toEqual([]);

  const project = join(dir, 'project');
  await mkdir(project);
  const { exports, dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as PackageJson;
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'project', version: '1.0.0', type: 'module', private: true }));
  npm(project, 'install', '--prefer-offline', '--no-audit', '--no-fund', join(dir, tarball.filename), `zod@${dependencies.zod}`);

  const names = Object.keys(exports)
    .filter((name) => name !== './package.json')
    .map((name) => `perdure${name.slice(1)}`);
  const loading = names.map((name) => `console.log(Object.keys(await import('${name}')).length > 0, '${name}')`).join('\n');
  await writeFile(join(project, 'load.mjs'), loading);
  expect(run(project, process.execPath, 'load.mjs').trim().split('\n')).toEqual(names.map((name) => `true ${name}`));

  await copyFile(join(ROOT, 'test/docs/readme-entity.ts'), join(project, 'seat.ts'));
  const options = [
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--lib',
    'es2023',
    '--types',
    'node',
    '--typeRoots',
    join(ROOT, 'node_modules/@types'),
  ];
  run(project, process.execPath, join(ROOT, 'node_modules/typescript/bin/tsc'), ...options, 'seat.ts');
  const config = run(project, join(project, 'node_modules/.bin/perdure'), 'config', '--program', 'seat.js');
  expect(JSON.parse(config)).toMatchObject({ port: 8080 });
});

interface PackageJson {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: { readonly zod: string };
}

function npm(cwd: string, ...args: readonly string[]): string {
  return run(cwd, 'npm', ...args);
}

/** What a command prints; throws with all it said if it fails. */
function run(cwd: string, command: string, ...args: readonly string[]): string {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`${command} ${args.join(' ')}\n${stdout ?? ''}\n${stderr ?? ''}`, { cause: error });
  }
}
