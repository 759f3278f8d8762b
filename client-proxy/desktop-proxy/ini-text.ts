/**
 * Changes single lines of a file as KDE's programs keep their settings in (KConfig's format), and leaves all others as they are. Lines are
 * taken and given whole, so that what stood there comes back with its options, such as `key[$e]=value`.
 */

/** The key of the line that begins a group. */
export const GROUP_LINE = '';

/** The line of a key; of several the last one, which is the one that counts. Null where there is none. */
export function entryLine(text: string, group: string, key: string): string | null {
  const lines = text.split('\n');
  const at = lastIndex(lines, group, key);
  return at < 0 ? null : lines[at]!;
}

/** The text with another line for a key, or without one for null. A group that is missing is added at the end. */
export function withEntry(text: string, group: string, key: string, line: string | null): string {
  const lines = text.split('\n');
  const at = lastIndex(lines, group, key);
  if (line === null) return at < 0 ? text : without(lines, at, key).join('\n');
  if (at >= 0) return lines.with(at, line).join('\n');
  if (key === GROUP_LINE) {
    const whole = text === '' || text.endsWith('\n') ? text : `${text}\n`;
    return `${whole}${whole === '' ? '' : '\n'}${line}\n`;
  }
  const begin = lastIndex(lines, group, GROUP_LINE);
  if (begin < 0) return withEntry(withEntry(text, group, GROUP_LINE, `[${group}]`), group, key, line);
  return lines.toSpliced(endOfGroup(lines, begin), 0, line).join('\n');
}

/** Whether the administrator lets nobody change the group, by `[$i]` at the file, the group or one of its keys. */
export function isImmutable(text: string, group: string): boolean {
  const lines = text.split('\n');
  if (lines[0]?.trim() === '[$i]') return true;
  let isInside = false;
  return lines.some((line) => {
    if (line.startsWith('[')) isInside = isBeginOf(line, group);
    return isInside && /^[^=]*\[\$[a-z]*i[a-z]*\]/.test(line);
  });
}

function lastIndex(lines: readonly string[], group: string, key: string): number {
  let isInside = false;
  let found = -1;
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('[')) isInside = isBeginOf(line, group);
    if (isInside && (key === GROUP_LINE ? line.startsWith('[') : isEntryOf(line, key))) found = index;
  }
  return found;
}

function isBeginOf(line: string, group: string): boolean {
  return line.startsWith(`[${group}]`) && /^(\[\$[a-z]+\])?\s*$/.test(line.slice(group.length + 2));
}

function isEntryOf(line: string, key: string): boolean {
  return line.startsWith(key) && /^(\[\$[a-z]+\])?\s*=/.test(line.slice(key.length));
}

/** Behind the last line of the group that says something. */
function endOfGroup(lines: readonly string[], begin: number): number {
  let end = begin + 1;
  for (let i = begin + 1; i < lines.length && !lines[i]!.startsWith('['); i++) {
    if (lines[i]!.trim() !== '') end = i + 1;
  }
  return end;
}

/** A group goes with the blank line before it, if nothing else is in it. */
function without(lines: readonly string[], at: number, key: string): readonly string[] {
  if (key !== GROUP_LINE) return lines.toSpliced(at, 1);
  if (endOfGroup(lines, at) > at + 1) return lines;
  const from = at > 0 && lines[at - 1]!.trim() === '' ? at - 1 : at;
  return lines.toSpliced(from, at - from + 1);
}
