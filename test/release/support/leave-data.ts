import { PROGRAM_DATA } from '../../../deploy/release/program-data.ts';

/** A script of a shell that puts all there that programs may leave, also when they are killed while they write. */
export function leaveData(...programs: readonly (keyof typeof PROGRAM_DATA)[]): string {
  return programs
    .map((program) => {
      const { configuration, state } = PROGRAM_DATA[program];
      const files = configuration.flatMap((name) => [name, `${name}.lock`, `.${name}.0a1b2c`]);
      return `mkdir -p ${state} && touch ${state}/some ${files.map((name) => `/etc/tributary/${name}`).join(' ')}`;
    })
    .join(' && ');
}
