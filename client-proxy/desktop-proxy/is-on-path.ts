import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Whether there is a program of this name in a PATH. */
export function isOnPath(program: string, path = ''): boolean {
  return path.split(':').some((folder) => folder.startsWith('/') && isExecutable(join(folder, program)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
