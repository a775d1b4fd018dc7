/** Reading what the caller of a verb names: what is missing is said. */
import { readFile } from 'node:fs/promises';
import { ZastavaError } from '../../contract/errors.ts';

/** Text of a file that the caller named. @throws ZastavaError `environment` when it cannot be read. */
export async function readInput(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ZastavaError('environment', `the ${what} ${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** Like readInput, but undefined when there is no such file. */
export async function readInputIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
