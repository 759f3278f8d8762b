import type { Argument, Command, Help, Option } from 'commander';

/** A command as its help shows it: what completion and manual are made from. */
export interface CommandShape {
  /** The words that call it, behind the program's name; none for the program itself. */
  readonly words: readonly string[];
  readonly name: string;
  readonly description: string;
  /** How its arguments and options are written, such as `client add [options] <name>`. */
  readonly usage: string;
  readonly options: readonly OptionShape[];
  /** Those of the program, which every command takes. */
  readonly globalOptions: readonly OptionShape[];
  readonly arguments: readonly ArgumentShape[];
  readonly commands: readonly CommandShape[];
}

export interface OptionShape {
  /** `-V` and `--version`. */
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined where it takes none. */
  readonly value: ValueShape | undefined;
  /** What it is when it is not given, as a text; undefined where it is nothing. */
  readonly defaultText: string | undefined;
}

export interface ArgumentShape {
  /** As in a usage: `<name>` or `[link]`. */
  readonly term: string;
  readonly description: string;
  readonly value: ValueShape;
}

/** What stands in the place of a value. */
export interface ValueShape {
  /** As in a usage: `<file>`, `<interface...>`. */
  readonly term: string;
  readonly kind: ValueKind;
  /** All that it can be; empty where that is no list. */
  readonly choices: readonly string[];
  /** Whether more values may follow. */
  readonly isVariadic: boolean;
}

/** What a shell can complete. A value has its kind from the name that the help gives it. */
export const VALUE_KINDS = ['file', 'directory', 'interface', 'user'] as const;
/** `text` is anything, which no shell can know; `choice` is one of a list. */
export type ValueKind = (typeof VALUE_KINDS)[number] | 'text' | 'choice';

/** The shape of a program, and of all its commands that the help shows. */
export function commandShape(program: Command): CommandShape {
  return shapeOf(program, program.createHelp(), []);
}

/** A command and all below it, the outer ones first. */
export function allCommands(command: CommandShape): readonly CommandShape[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

function shapeOf(command: Command, help: Help, words: readonly string[]): CommandShape {
  const below = help.visibleCommands(command);
  const names = below.map((each) => each.name());
  const commands = below.map((each) => shapeOf(each, help, [...words, each.name()]));
  return {
    words,
    name: command.name(),
    description: command.description(),
    usage: [...words, command.usage()].join(' '),
    options: help.visibleOptions(command).map(optionShape),
    globalOptions: help.visibleGlobalOptions(command).map(optionShape),
    arguments: command.registeredArguments.map(argumentShape),
    commands: commands.map((each) => (each.name === 'help' ? withChoices(each, names) : each)),
  };
}

/** What the library adds takes the name of any command beside it. */
function withChoices(help: CommandShape, names: readonly string[]): CommandShape {
  const choices = names.filter((name) => name !== 'help');
  return {
    ...help,
    arguments: help.arguments.map((each) => ({ ...each, value: { ...each.value, kind: 'choice', choices } })),
  };
}

function optionShape({ short, long, flags, description, defaultValue, argChoices }: Option): OptionShape {
  const value = /[<[].*[>\]]$/.exec(flags)?.[0];
  return {
    names: [short, long].filter((name) => name !== undefined),
    description,
    value: value === undefined ? undefined : valueShape(value, argChoices),
    defaultText: defaultValue === undefined || defaultValue === false ? undefined : String(defaultValue),
  };
}

function argumentShape(argument: Argument): ArgumentShape {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  const term = argument.required ? `<${name}>` : `[${name}]`;
  return { term, description: argument.description, value: valueShape(term, argument.argChoices) };
}

function valueShape(term: string, choices: readonly string[] = []): ValueShape {
  const name = term.replace(/^.|(\.\.\.)?.$/g, '');
  const known = VALUE_KINDS.find((kind) => kind === name);
  return {
    ...{ term, choices },
    kind: choices.length > 0 ? 'choice' : (known ?? 'text'),
    isVariadic: /\.\.\..$/.test(term),
  };
}
