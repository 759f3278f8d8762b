/** What `isClientId` accepts, in words. */
export const CLIENT_ID_FORMAT = 'a client name of 1 to 32 letters, digits, "_", "-" or "."';

/** Whether a text can name a client. The same alphabet as uplink names: safe in links, logs, labels and YAML. */
export function isClientId(text: string): boolean {
  return /^[A-Za-z0-9_.-]{1,32}$/.test(text);
}
