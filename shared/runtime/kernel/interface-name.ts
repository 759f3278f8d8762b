/** IFNAMSIZ of the kernel, without the terminating zero. */
const MAX_NAME_BYTES = 15;

/**
 * The bytes of a network interface's name, which to the kernel is no text. `%XX` stands for the byte of that hexadecimal number, so
 * that any name can be written in a configuration; everything else is UTF-8.
 */
export function interfaceNameBytes(name: string): Buffer {
  const bytes = Buffer.from(name).toString('latin1');
  const decoded = bytes.replaceAll(/%([0-9a-f]{2})/gi, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(decoded, 'latin1');
}

/** The name of these bytes as text: the inverse of `interfaceNameBytes`. Control characters, and what is no UTF-8, are `%XX`. */
export function interfaceNameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replaceAll(
      /[\u0080-\u00ff]+|[^ -~]|%(?=[0-9a-f]{2})/gi,
      (part) => decodedUtf8(part) ?? percentCoded(part),
    );
}

/** Whether the kernel takes this for the name of an interface (`dev_valid_name`). */
export function isInterfaceName(name: string): boolean {
  const bytes = interfaceNameBytes(name);
  const isDots = name === '.' || name === '..';
  return (
    bytes.length >= 1 && bytes.length <= MAX_NAME_BYTES && !isDots && !bytes.some((byte) => REFUSED.has(byte))
  );
}

/** Zero, slash, colon, and what the kernel calls a space, the byte A0 among them. */
const REFUSED: ReadonlySet<number> = new Set([0, 0x2f, 0x3a, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0xa0]);

function decodedUtf8(part: string): string | undefined {
  if (part < '\x80') return undefined;
  const bytes = Buffer.from(part, 'latin1');
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

function percentCoded(part: string): string {
  return [...part]
    .map((char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
    .join('');
}
