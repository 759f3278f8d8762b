/** IFNAMSIZ of the kernel, without the terminating zero. */
const MAX_NAME_BYTES = 15;

/**
 * The bytes of a network interface's name, which to the kernel is no text. `%XX` stands for the byte of that hexadecimal number, so
 * that any name can be written in a configuration; everything else is UTF-8.
 */
export function interfaceNameBytes(name: string): Buffer {
  const bytes = Buffer.from(name).toString('latin1');
  const decoded = bytes.replaceAll(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(decoded, 'latin1');
}

/** The name of these bytes as text: the inverse of `interfaceNameBytes`. Control characters, and what is no UTF-8, are `%XX`. */
export function interfaceNameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replaceAll(/[\x80-\xff]+|[^\x20-\x7e]|%(?=[0-9a-f]{2})/gi, (part) => decodedUtf8(part) ?? percentCoded(part));
}

/** Whether the kernel takes this for the name of an interface (`dev_valid_name`). */
export function isInterfaceName(name: string): boolean {
  const bytes = interfaceNameBytes(name).toString('latin1');
  // What the kernel calls a space includes the byte A0.
  return bytes.length <= MAX_NAME_BYTES && /^[^\0\t-\r \xa0/:]+$/.test(bytes) && !/^\.{1,2}$/.test(bytes);
}

function decodedUtf8(part: string): string | undefined {
  if (part < '\x80') return undefined;
  const bytes = Buffer.from(part, 'latin1');
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

function percentCoded(part: string): string {
  return [...part].map((char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`).join('');
}
