import type { CommandLineDeps } from '../../shared/runtime/config/command-line.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A command line's surroundings in a temporary directory, and what it wrote. */
export async function commandLineDeps(overrides: Partial<CommandLineDeps> = {}) {
  const home = await temporaryDirectory();
  const written = { stdout: '', stderr: '' };
  const deps: CommandLineDeps = {
    version: '1.2.3',
    cwd: home,
    env: {},
    homeDirectory: home,
    isRoot: false,
    now: () => new Date('2025-01-31T12:00:00Z'),
    clock: () => performance.now(),
    stdout: (text) => {
      written.stdout += text;
    },
    stderr: (text) => {
      written.stderr += text;
    },
    ...overrides,
  };
  return {
    deps,
    home,
    /** What was written since the last call. */
    take: () => {
      const taken = { ...written };
      written.stdout = '';
      written.stderr = '';
      return taken;
    },
  };
}
