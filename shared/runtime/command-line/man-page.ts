import type { ProgramHelp } from '../config/command-line.ts';
import { allCommands, type CommandShape, type OptionShape } from './command-shape.ts';

export interface ManPageOptions {
  readonly help: ProgramHelp;
  readonly version: string;
  /** Of the page, in its header. */
  readonly date: Date;
}

/** Wide enough for words, and within what mandoc(1) calls a long line. */
const LINE_CHARACTERS = 78;

/** The manual page of a program, in the macros of man(7). */
export function manPage(program: CommandShape, { help, version, date }: ManPageOptions): string {
  const { name } = program;
  const day = date.toISOString().slice(0, 10);
  const [first = '', ...more] = help.usage.trim().split('\n\n');
  const commands = allCommands(program)
    .slice(1)
    .filter(({ commands }) => commands.length === 0);
  const lines = [
    `.TH ${escaped(name.toUpperCase())} 1 ${day} "tributary ${version}" "User Commands"`,
    '.SH NAME',
    ...wrapped(`${escaped(name)} \\- ${escaped(withoutStop(lowerCase(program.description)))}`),
    '.SH SYNOPSIS',
    `.B ${escaped(name)}`,
    termLine(program.usage),
    '.SH DESCRIPTION',
    ...prose(program.description),
    ...paragraph(first),
    '.SH OPTIONS',
    ...program.options.flatMap(optionLines),
    '.SH COMMANDS',
    ...commands.flatMap(commandLines),
    '.SH EXAMPLES',
    ...more.flatMap(exampleLines),
    '.SH ENVIRONMENT',
    ...entries(ENVIRONMENT),
    '.SH FILES',
    ...entries(help.manual.files),
    '.SH EXIT STATUS',
    ...entries(EXIT_STATUS),
    '.SH SEE ALSO',
    help.manual.seeAlso.map((page) => `.BR ${escaped(page)} (1)`).join(' ,\n'),
  ];
  return `${lines.join('\n')}\n`;
}

const ENVIRONMENT = [
  ['TRIBUTARY_CONFIG', 'the configuration, where --config names none'],
  ['XDG_CONFIG_HOME', 'where the configuration of a user other than root is, in place of ~/.config'],
  ['XDG_STATE_HOME', 'where what is kept for a user other than root is, in place of ~/.local/state'],
  ['NO_COLOR', 'if it is not empty, nothing is in colour'],
] as const;
const EXIT_STATUS = [
  ['0', 'all went well'],
  ['1', 'a failure at work'],
  ['2', 'a mistake in the command line or the configuration'],
  ['70', 'an internal error'],
] as const;

function commandLines(command: CommandShape): readonly string[] {
  const told = command.arguments.filter(({ description }) => description !== '');
  return [
    `.SS ${escaped(command.usage)}`,
    ...prose(sentence(command.description)),
    ...told.flatMap(({ term, description }) => ['.TP', termLine(term), ...prose(sentence(description))]),
    ...command.options.filter(({ names }) => !names.includes('--help')).flatMap(optionLines),
  ];
}

function optionLines({ names, value, description, defaultText }: OptionShape): readonly string[] {
  const values = value === undefined ? '' : ` ${value.term}`;
  const text = defaultText === undefined ? description : `${description} (default: ${defaultText})`;
  return ['.TP', termLine(`${names.join(', ')}${values}`), ...prose(sentence(text))];
}

function exampleLines(block: string): readonly string[] {
  const [title = '', ...lines] = block.split('\n');
  const code = lines.map((line) => escaped(line.trim()));
  return [...prose(title), '.PP', '.in +4n', '.nf', ...code, '.fi', '.in'];
}

function entries(list: readonly (readonly [string, string])[]): readonly string[] {
  return list.flatMap(([term, text]) => ['.TP', `.B ${escaped(term)}`, ...prose(sentence(text))]);
}

function paragraph(text: string): readonly string[] {
  return ['.PP', ...prose(text)];
}

/** Options and words in bold, what stands for a value in italics. */
function termLine(text: string): string {
  const word = /<[^>]*>|\[[^\]]*\]|[^\s,<[]+/g;
  return escaped(text).replace(word, (part) => {
    if (part.startsWith('<')) return `\\fI${part.slice(1, -1)}\\fR`;
    return part.startsWith('[') ? `[\\fI${part.slice(1, -1)}\\fR]` : `\\fB${part}\\fR`;
  });
}

/** Lines of text, each sentence on a new one, as roff(7) wants it. */
function prose(text: string): readonly string[] {
  return text.split(/(?<=[.:]) (?=[A-Z])/).flatMap((each) => wrapped(escaped(each)));
}

function wrapped(text: string): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > LINE_CHARACTERS) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each) => each.replace(/^[.']/, '\\&$&'));
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-');
}

/** A sentence of a phrase; a link at its beginning stays as it is. */
function sentence(phrase: string): string {
  const capital = /^[a-z]+:/.test(phrase) ? phrase : phrase[0]!.toUpperCase() + phrase.slice(1);
  return `${withoutStop(capital)}.`;
}

function lowerCase(sentence: string): string {
  return sentence[0]!.toLowerCase() + sentence.slice(1);
}

function withoutStop(text: string): string {
  return text.replace(/\.$/, '');
}
