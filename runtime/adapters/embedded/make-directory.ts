import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errorText, PerdureError } from '../../core/errors.ts';

/**
 * Makes a directory with all that is missing above it; nothing happens if it is there. Throws `store-full` for want of room, else `invalid-config`,
 * with the path.
 *
 * Component by component, because the recursive `mkdir` of Node never ends where the file system says ENOENT beneath a directory that is there, as
 * /proc does: it makes the parent, which is there, and tries again.
 */
export async function makeDirectory(path: string): Promise<void> {
  try {
    const missing: string[] = [];
    for (let at = resolve(path); !(await isDirectory(at)); at = dirname(at)) missing.push(at);
    for (const one of missing.reverse()) await mkdir(one).catch(ifThere);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code === 'ENOSPC' ? 'store-full' : 'invalid-config';
    const message = `The directory ${path} cannot be made (see PERDURE_DATA_DIR): ${errorText(error)}`;
    throw new PerdureError(code, message, undefined, { cause: error });
  }
}

/** False if there is nothing; rejects for what is there and no directory, so that a climb ends at the root at the latest. */
async function isDirectory(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  if (found !== undefined && !found.isDirectory()) throw new Error(`${path} is no directory`);
  return found !== undefined;
}

/** Another process was faster. */
function ifThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
