import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from './project.ts';

/** Where systems look for the completion of a program. */
const COMPLETIONS = {
  bash: (program: string) => `bash-completion/completions/${program}`,
  zsh: (program: string) => `zsh/site-functions/_${program}`,
  fish: (program: string) => `fish/vendor_completions.d/${program}.fish`,
} as const;

/** Writes the manual pages and the completion of programs, which tell both themselves. @param lib where they are */
export async function writeShellFiles(
  programs: readonly string[],
  lib: string,
  share: string,
  epochSeconds: number,
): Promise<void> {
  await writeManPages(
    Object.fromEntries(programs.map((program) => [program, join(lib, `${program}.js`)])),
    join(share, 'man/man1'),
    epochSeconds,
  );
  for (const program of programs) {
    for (const [shell, place] of Object.entries(COMPLETIONS)) {
      const text = await run(process.execPath, [join(lib, `${program}.js`), 'completion', shell]);
      const file = join(share, place(program));
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  }
}

/** Writes the manual pages. @param programs the file of each, by its name */
export async function writeManPages(
  programs: Readonly<Record<string, string>>,
  folder: string,
  epochSeconds: number,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [program, file] of Object.entries(programs)) {
    const environment = { SOURCE_DATE_EPOCH: String(epochSeconds) };
    await writeFile(
      join(folder, `${program}.1`),
      await run(process.execPath, [file, 'man-page'], environment),
    );
  }
}
