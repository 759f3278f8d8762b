import type { PROGRAMS } from './make-bundle.ts';

/** What a program keeps on a machine. Removing the program for good removes it. */
export interface ProgramData {
  /** Names of files in /etc/tributary. */
  readonly configuration: readonly string[];
  /** The directory of what it finds out. */
  readonly state: string;
}

/** The one list of it; deploy/install.sh, which stands alone, repeats it. */
export const PROGRAM_DATA: Readonly<Record<(typeof PROGRAMS)[number], ProgramData>> = {
  'tributary-client': { configuration: ['tributary-client.yaml'], state: '/var/lib/tributary' },
  'tributary-concentrator': {
    configuration: [
      'tributary-concentrator.yaml',
      'certificate.pem',
      'key.pem',
      'clients.yaml',
      // A certificate that is prepared (`certificate prepare`).
      'certificate.next.pem',
      'key.next.pem',
      // As docs/clients.md calls it: `clients.passwordFile`.
      'database-password',
    ],
    state: '/var/lib/tributary-concentrator',
  },
};

/**
 * All of it as words of a shell, with patterns, for `rm -rf`: locks, and what a program was writing when it was killed, hold keys or stand in the
 * way, too.
 */
export function dataToRemove(program: keyof typeof PROGRAM_DATA): string {
  const { configuration, state } = PROGRAM_DATA[program];
  const files = configuration.flatMap((name) => [name, `${name}.lock`, `.${name}.*`]);
  // Of a folder that is a link to one elsewhere, `rm` takes the link alone.
  const inState = ['*', '.[!.]*'].map((pattern) => `${state}/${pattern}`);
  return [...files.map((name) => `/etc/tributary/${name}`), ...inState, state].join(' ');
}
