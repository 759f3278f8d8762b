import type { CommandLineDeps } from '../../shared/runtime/config/command-line.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import {
  CONCENTRATOR_NAME_FORMAT,
  formatLink,
  isConcentratorName,
  type JoinLink,
  LinkError,
  MAX_LINKS,
  parseLinks,
} from '../../shared/runtime/identity/link.ts';
import type { ListedClient } from '../config/clients-file.ts';

/** How a link is shown. */
export interface LinkOptions {
  /** Also as a QR code, for a phone's camera. */
  readonly qr?: true;
  /** What the client is to call this concentrator, beside others. */
  readonly as?: string;
  /** Links of further concentrators for the same client. */
  readonly also?: readonly string[];
}

/** The link that names all of these concentrators. Throws UsageError. */
export function linkOfAll(link: JoinLink, { as: name, also = [] }: LinkOptions): string {
  if (name !== undefined && !isConcentratorName(name)) {
    throw new UsageError(`--as: expected ${CONCENTRATOR_NAME_FORMAT}`);
  }
  try {
    const links = [{ ...link, ...(name === undefined ? {} : { name }) }, ...also.flatMap(parseLinks)];
    if (links.length > MAX_LINKS)
      throw new UsageError(`--also: a client has at most ${MAX_LINKS} concentrators`);
    return links.map(formatLink).join(' ');
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    throw new UsageError(`--also: ${error.message}`);
  }
}

/** Prints a client's link to stdout, and what to do with it, and its QR code, to stderr. */
export async function printLink(
  link: string,
  client: ListedClient,
  { qr }: LinkOptions,
  deps: CommandLineDeps,
): Promise<void> {
  deps.stderr(
    `The link of ${client.id} follows. It is a secret: whoever has it can connect. On that machine run\n` +
      '  tributary-client join\nand paste the link when it asks.\n',
  );
  deps.stdout(`${link}\n`);
  if (qr) await printQrCode(link, deps);
}

/** Prints a link as a QR code of characters, which shows on terminals that have block characters. */
export async function printQrCode(link: string, deps: CommandLineDeps): Promise<void> {
  // Few ask for it, and the programs start faster without.
  const { renderUnicodeCompact } = await import('uqr');
  deps.stderr(`\n${renderUnicodeCompact(link, { border: 2 })}\n\n`);
}
