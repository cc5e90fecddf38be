import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answers, freePort, type Service, startService } from '../lib/service.ts';

const PACKAGES = ['@restatedev/restate-server', '@restatedev/restate-sdk'];

/** Installs Restate into a directory if it is not there. Throws with npm's words if that fails. Answers the versions. */
export function installRestate(directory: string): string {
  if (!existsSync(join(directory, 'node_modules', '@restatedev', 'restate-server'))) {
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', directory, ...PACKAGES];
    const { status, stderr } = spawnSync('npm', args, { encoding: 'utf8', timeout: 300_000 });
    if (status !== 0) throw new Error(`Restate could not be installed from npm (is the registry within reach?): ${stderr.slice(-1_000)}`);
  }
  return PACKAGES.map((name) => {
    const manifest = JSON.parse(readFileSync(join(directory, 'node_modules', name, 'package.json'), 'utf8')) as { version: string };
    return `${name} ${manifest.version}`;
  }).join(', ');
}

/** The server itself, not the script that npm links: the script would stand between us and its CPU time and signals. */
function serverBinary(installed: string): string {
  const binary = join(
    installed,
    'node_modules',
    '@restatedev',
    `restate-server-${process.platform}-${process.arch}`,
    'bin',
    'restate-server',
  );
  if (!existsSync(binary)) throw new Error(`Restate has no server for ${process.platform} ${process.arch} on npm (looked for ${binary})`);
  return binary;
}

/** Starts Restate's server on a fresh directory with its defaults and beside it `module` (one that calls `serveRestate`), and registers that. */
export async function startRestate(
  installed: string,
  module: string,
  base: string,
): Promise<{ readonly port: number; readonly services: Service[] }> {
  const [ingress, admin, node, service] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const server = await startService(
    serverBinary(installed),
    ['--base-dir', base],
    {
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}/`,
      RESTATE_DISABLE_TELEMETRY: 'true',
    },
    () => answers(`http://127.0.0.1:${admin}/health`),
  );
  const register = async () => {
    try {
      const answer = await fetch(`http://127.0.0.1:${admin}/deployments`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ uri: `http://127.0.0.1:${service}`, force: true }),
      });
      return answer.ok;
    } catch {
      return false;
    }
  };
  const handlers = await startService(
    process.execPath,
    [...process.execArgv, module, installed, String(service)],
    { NODE_ENV: 'production' },
    register,
  );
  return { port: ingress, services: [server, handlers] };
}

/** Starts Perdure as `npm start` does, on a fresh directory with its defaults. */
export async function startPerdure(program: string, base: string): Promise<{ readonly port: number; readonly services: Service[] }> {
  const port = await freePort();
  const main = fileURLToPath(new URL('../../../runtime/cli/main.js', import.meta.url));
  const env = {
    PERDURE_PORT: String(port),
    PERDURE_HOST: '127.0.0.1',
    PERDURE_DATA_DIR: base,
    PERDURE_LOG_LEVEL: 'warn',
    NODE_ENV: 'production',
  };
  const node = await startService(process.execPath, [...process.execArgv, main, 'start', '--program', program], env, () =>
    answers(`http://127.0.0.1:${port}/readyz`),
  );
  return { port, services: [node] };
}
