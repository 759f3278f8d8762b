import { Program } from '../end-to-end/support/program.ts';

/** Runs a program to its end; answers its output, rejects when it fails or takes longer than `limitMs`. */
export async function run(command: string, args: readonly string[], limitMs = 20_000): Promise<string> {
  const program = new Program(command, args);
  const code = await program.untilExit(limitMs);
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${program.output}`);
  return program.output;
}
