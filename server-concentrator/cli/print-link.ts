import type { CommandLineDeps } from '../../shared/runtime/config/command-line.ts';
import type { ListedClient } from '../config/client-schema.ts';

/** How a link is shown. */
export interface LinkOptions {
  /** Also as a QR code, for a phone's camera. */
  readonly qr?: true;
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
