import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';

/** What a figure was measured on: CPU, cores, memory, disk, versions, commit. One line each, for the head of a report. */
export function describeMachine(directory: string, packages: readonly string[]): string[] {
  const [cpu] = cpus();
  const { device, type, mount } = mountOf(directory);
  return [
    `machine   ${cpu?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, load ${loadavg()[0]?.toFixed(1)}`,
    `disk      ${directory} on ${mount} (${type}, ${device})`,
    `versions  node ${process.versions.node}, ${packages.map((name) => `${name} ${versionOf(name)}`).join(', ')}, commit ${commit()}`,
    `time      ${new Date().toISOString()}`,
  ];
}

/** Installed version of a package of the checkout. */
function versionOf(name: string): string {
  const file = join('node_modules', name, 'package.json');
  if (!existsSync(file)) return 'not installed';
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
}

function commit(): string {
  try {
    const hash = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    const changed = execFileSync('git', ['status', '--porcelain', '--', 'runtime'], { encoding: 'utf8' }).trim() !== '';
    return changed ? `${hash} with uncommitted changes in runtime` : hash;
  } catch {
    return 'unknown (no git)';
  }
}

/** The mount that holds a directory: the longest mount point that is a prefix of it. Linux only; elsewhere the type is `unknown`. */
export function mountOf(directory: string): { readonly device: string; readonly mount: string; readonly type: string } {
  let found = { device: '?', mount: '/', type: 'unknown' };
  if (!existsSync('/proc/mounts')) return found;
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const [device = '', mount = '', type = ''] = line.split(' ');
    const inside = mount === '/' || directory === mount || directory.startsWith(`${mount}/`);
    if (inside && mount !== '' && mount.length >= found.mount.length) found = { device, mount, type };
  }
  return found;
}

/** Memory of a process in MiB, from /proc. `anon` is what it allocated, `file` what it mapped. */
export interface Memory {
  readonly rss: number;
  readonly anon: number;
  readonly file: number;
}
export function memoryOf(pid: number | 'self'): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024;
  return { rss: mib('VmRSS'), anon: mib('RssAnon'), file: mib('RssFile') };
}

const TICKS_PER_SECOND = 100;
/** CPU time of a process and its threads so far, in seconds, from /proc. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
