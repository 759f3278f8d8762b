import { isDeepStrictEqual } from 'node:util';
import { type Document, isMap, isNode, isScalar, type ToStringOptions } from 'yaml';
import { YamlSource } from '../../../shared/runtime/config/yaml-source.ts';
import { applyEdit } from './apply-edit.ts';
import type { ConfigEdit } from './config-edit.ts';

/**
 * A configuration with these changes made in it. Its comments and its order stay.
 * @throws ConfigError for what is no YAML, ConfigEditError where a change has no place
 */
export function withEdits(text: string, file: string, edits: readonly ConfigEdit[]): string {
  if (edits.length === 0) return text;
  const { document } = new YamlSource(text, file);
  for (const edit of edits) applyEdit(document, edit, false);
  return document.toString(styleOf(text));
}

/**
 * The same for one change that is for good, with the sections that it does not concern as they are written, and the ends of lines.
 * @throws ConfigEditError as well where something that somebody has set would be lost
 */
export function withEdit(text: string, file: string, edit: ConfigEdit): string {
  const { document } = new YamlSource(text, file);
  const [start, end] = sectionAt(text, document, edit.kind === 'uplink' ? 'uplinks' : 'steering');
  applyEdit(document, edit, true);
  try {
    const before = text.slice(start, end);
    const { document: section } = new YamlSource(before === '' ? '{}' : before, file);
    if (isMap(section.contents)) section.contents.flow = false;
    applyEdit(section, edit, true);
    const lines = section.toString(styleOf(before));
    const gap = start === text.length && text !== '' && !text.endsWith('\n') ? '\n' : '';
    const spliced = text.slice(0, start) + asIn(text, gap + lines) + text.slice(end);
    if (isDeepStrictEqual(new YamlSource(spliced, file).value, valueIn(document, file))) return spliced;
  } catch {
    // A section that leans on another one (an alias) cannot be written by itself.
  }
  return asIn(text, document.toString(styleOf(text)));
}

/** Lines with the ends that a text has. */
function asIn(text: string, lines: string): string {
  return text.includes('\r\n') ? lines.replaceAll(/\r?\n/g, '\r\n') : lines;
}

/** Where a section begins and ends, whole lines without the comments below it; the end of the text for one that is not there. */
function sectionAt(text: string, document: Document, key: string): readonly [start: number, end: number] {
  const pairs = isMap(document.contents) ? document.contents.items : [];
  const pair = pairs.find((one) => isScalar(one.key) && one.key.value === key);
  if (pair === undefined) return [text.length, text.length];
  const start = isNode(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
  const lines = text.slice(start).split('\n');
  // What belongs to a section is indented, or a list at its key.
  let length = lines.findIndex((line, index) => index > 0 && /^[^\s#-]/.test(line));
  if (length < 0) length = lines.length;
  while (length > 1 && /^(#[\s\S]*|\s*)$/.test(lines[length - 1]!)) length -= 1;
  const section = lines.slice(0, length).join('\n');
  return [start, Math.min(text.length, start + section.length + 1)];
}

function valueIn(document: Document, file: string): unknown {
  return new YamlSource(document.toString(), file).value;
}

/** Long lines stay, lists stand where they stood, and brackets have blanks inside only if they had. */
function styleOf(text: string): ToStringOptions {
  const isTight = /[[{][^\s\]}]/.test(text) && !/[[{] /.test(text);
  return { lineWidth: 0, indentSeq: !LIST_AT_KEY.test(text), flowCollectionPadding: !isTight };
}

/** A list whose entries begin below the first letter of their key. */
const LIST_AT_KEY = /^( *)[\w-]+:[^\n]*\n(?: *#[^\n]*\n|\n)*\1- /m;
