import { LinkError, parseLinks } from './link.ts';

/** A link with all addresses that it may have, on a terminal of 20 columns. */
const MAX_LINES = 256;
/** Places that begin like a link: one, and some in what is said about it. */
const MAX_PLACES = 8;
const BEGIN = /tributary:(?:\s*\/){0,2}/gi;
const SCHEME = 'tributary://';

/**
 * The link in a text as people have it: with blanks, quotes and other lines around it, on several lines where a terminal or a mail has
 * wrapped it, or as a reader of QR codes prints it (`QR-Code:tributary://...`). Where no link can be read, what begins like one, or the text:
 * `parseLinks` says what is wrong with it. Where there are several links, all of them, each once, with blanks between.
 */
export function linkIn(text: string): string {
  const places = [...text.matchAll(BEGIN)].slice(0, MAX_PLACES);
  const runs = places.map(({ index, 0: begin }) => unwrapped(text.slice(index + begin.length)));
  const links = new Set(runs.flatMap((lines) => longestLink(lines) ?? []));
  if (links.size > 0) return [...links].join(' ');
  return runs[0] === undefined ? text.trim() : SCHEME + runs[0].join('');
}

function longestLink(lines: readonly string[]): string | undefined {
  // A line may end where a shorter link would, before its second pin.
  for (let count = lines.length; count > 0; count--) {
    const link = SCHEME + lines.slice(0, count).join('');
    if (isLink(link)) return link;
  }
  return undefined;
}

/** Whether the lines of the text that are whole have a link. What follows may still belong to it, such as another pin. */
export function hasLink(text: string): boolean {
  const end = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r'));
  return isLink(linkIn(text.slice(0, end + 1)));
}

/** The lines that may belong to a link which begins the text, without what stands around them. */
function unwrapped(text: string): readonly string[] {
  const lines: string[] = [];
  for (const line of text.split(/[\r\n]+/, MAX_LINES)) {
    const [word = '', ...others] = line
      .replaceAll(/['"`<>]/g, ' ')
      .trim()
      .split(/\s+/);
    // What is said behind a link is on its line, or on one of its own.
    if (others.length > 0 && lines.length > 0) break;
    lines.push(word);
    if (others.length > 0) break;
  }
  return lines;
}

function isLink(text: string): boolean {
  try {
    parseLinks(text);
    return true;
  } catch (error) {
    if (error instanceof LinkError) return false;
    throw error;
  }
}
