import { interfaceNameOf } from '../../shared/runtime/kernel/interface-name.ts';

/**
 * Reads what `ip -json` printed, its bytes as latin1: names of interfaces may be any bytes, which iproute2 prints as they are. Its
 * `\'`, and control characters inside of texts, are not JSON, and are read all the same.
 * @throws SyntaxError when it is something else
 */
export function parseIpJson(output: string): unknown {
  // A line end inside of a text is escaped; others are between texts.
  return JSON.parse(
    output.replaceAll(/\\.|(?![\t\n\r])\p{Cc}/gu, (part) => {
      if (part.length === 2) return part === "\\'" ? "'" : part;
      return `\\u${part.charCodeAt(0).toString(16).padStart(4, '0')}`;
    }),
  );
}

/** The name of an interface in what `parseIpJson` has read. */
export function interfaceNameIn(text: string): string {
  return interfaceNameOf(Buffer.from(text, 'latin1'));
}
