import { whyNoBed } from '../bed/namespace.ts';

/** A program that measures or plays something on a bed. */
export interface BedCommand<Options> {
  readonly name: string;
  readonly help: string;
  /** Reads the command line; undefined when help was asked for. Throws an Error that says what is wrong. */
  parse(args: readonly string[]): Options | undefined;
  /** What it tells without a bed; undefined where a bed is needed. */
  list?(options: Options): string | undefined;
  /** @returns the exit code */
  run(options: Options): Promise<number>;
}

/** Runs such a program, and sets the exit code of the process: 2 where it cannot be run. */
export async function runCommand<Options>(command: BedCommand<Options>): Promise<void> {
  process.exitCode = await exitCodeOf(command).catch((error: Error) => {
    console.error(`${command.name}: ${error.message}`);
    return 2;
  });
}

async function exitCodeOf<Options>({ help, parse, list, run }: BedCommand<Options>): Promise<number> {
  const options = parse(process.argv.slice(2));
  const told = options === undefined ? help : list?.(options);
  if (options === undefined || told !== undefined) {
    console.log(told);
    return 0;
  }
  const reason = whyNoBed();
  if (reason) throw new Error(`cannot run here: ${reason}`);
  return run(options);
}
