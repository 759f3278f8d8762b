import { type Destination, formatDestination } from '../../protocol/destination.ts';
import { TributaryError } from '../../protocol/errors.ts';
import { HOST_PORT_FORMAT, parseHostPort } from '../address/host-port.ts';
import type { CertificatePin } from './certificate-pin.ts';
import { CLIENT_ID_FORMAT, isClientId } from './client-id.ts';
import { CLIENT_KEY_FORMAT, formatClientKey, parseClientKey } from './client-key.ts';
import { PIN_FORMAT, readPin } from './read-pin.ts';

/** All that a client must know to use a concentrator. It holds the client's key: whoever has it can connect. */
export interface JoinLink {
  readonly clientId: string;
  /** 32 bytes. */
  readonly clientKey: Uint8Array;
  /** At least one. */
  readonly addresses: readonly Destination[];
  /** One or two: the concentrator's certificate, and the one that it is about to change to. */
  readonly pins: readonly CertificatePin[];
  /** What the client is to call the concentrator, beside others; absent: not said. */
  readonly name?: string;
}

/** A link cannot be read; the message says what is wrong with which part, and never holds the key. */
export class LinkError extends TributaryError {
  constructor(message: string) {
    super('malformedMessage', `the link cannot be used: ${message}`, 'ours');
  }
}

/** `tributary://CLIENT:KEY@host:port[,host2:port2...]/?pin=sha256:...[,sha256:...][&name=NAME]` */
export function formatLink({ clientId, clientKey, addresses, pins, name }: JoinLink): string {
  const hosts = addresses.map(formatDestination).join(',');
  const pinTexts = pins.map(({ text }) => text).join(',');
  return `tributary://${clientId}:${formatClientKey(clientKey)}@${hosts}/?pin=${pinTexts}${name === undefined ? '' : `&name=${name}`}`;
}

/** Concentrators that a client can have. */
export const MAX_LINKS = 8;

/** Reads a link that may name several concentrators: one link for each, with spaces between them. Throws LinkError. */
export function parseLinks(text: string): readonly [JoinLink, ...JoinLink[]] {
  const [first = '', ...others] = text.trim().split(/\s+/);
  if (others.length >= MAX_LINKS) throw new LinkError(`it names more than ${MAX_LINKS} concentrators`);
  return [parseLink(first), ...others.map(parseLink)];
}

/** Reads a link. Throws LinkError. */
export function parseLink(text: string): JoinLink {
  const rest = /^tributary:\/\/(.*)$/i.exec(text.trim())?.[1];
  if (rest === undefined) throw new LinkError('it must start with "tributary://"');
  const match = /^([^@]*)@([^/?#]*)\/?(?:\?([^#]*))?$/.exec(rest);
  if (!match)
    throw new LinkError(
      'expected tributary://CLIENT:KEY@HOST:PORT/?pin=sha256:... (is it complete, and quoted?)',
    );
  const [, credentials = '', hosts = '', query = ''] = match;
  const colon = credentials.indexOf(':');
  const clientId = colon < 0 ? '' : credentials.slice(0, colon);
  if (!isClientId(clientId)) throw new LinkError(`before the ":" expected ${CLIENT_ID_FORMAT}`);
  const clientKey = parseClientKey(credentials.slice(colon + 1));
  if (!clientKey) throw new LinkError(`between ":" and "@" expected ${CLIENT_KEY_FORMAT}`);
  const parameters = query.split('&').filter((part) => part !== '');
  const name = nameOf(parameters);
  return {
    ...{ clientId, clientKey, addresses: parseAddresses(hosts) },
    pins: pinsOf(parameters.filter((part) => !part.startsWith(NAME_PARAMETER))),
    ...(name === undefined ? {} : { name }),
  };
}

/** As many as a client's configuration takes. */
const MAX_ADDRESSES = 16;
/** Certificates that a concentrator may show: the current one, and the next or the last. */
export const MAX_PINS = 2;

function parseAddresses(hosts: string): Destination[] {
  const parts = hosts.split(',');
  if (parts.length > MAX_ADDRESSES) throw new LinkError(`it has more than ${MAX_ADDRESSES} addresses`);
  return parts.map((part, index) => {
    const address = parseHostPort(part);
    // Not quoted in the message: with an "@" at the wrong place this part may be the key.
    if (!address) throw new LinkError(`address ${index + 1} after the "@" is not ${HOST_PORT_FORMAT}`);
    return address;
  });
}

const NAME_PARAMETER = 'name=';

/** @param parameters behind the "?" */
function nameOf(parameters: readonly string[]): string | undefined {
  const names = parameters.filter((part) => part.startsWith(NAME_PARAMETER));
  const name = names[0]?.slice(NAME_PARAMETER.length);
  if (name === undefined) return undefined;
  if (names.length > 1 || !isConcentratorName(name))
    throw new LinkError(`after "name=" expected ${CONCENTRATOR_NAME_FORMAT}`);
  return name;
}

export const CONCENTRATOR_NAME_FORMAT = 'a name of 1 to 32 letters, digits, "_", "-" or "."';

export function isConcentratorName(text: string): boolean {
  return /^[A-Za-z0-9_.-]{1,32}$/.test(text);
}

function pinsOf(parameters: readonly string[]): CertificatePin[] {
  const pins = parameters.filter((part) => part.startsWith('pin='));
  const [pinText] = pins.map((part) =>
    part.slice('pin='.length).replaceAll(/%3A/gi, ':').replaceAll(/%2C/gi, ','),
  );
  if (pinText === undefined)
    throw new LinkError('it has no "?pin=sha256:..."; a shell cuts an unquoted link at "?" or "&"');
  if (parameters.length > 1)
    throw new LinkError('after the "?" only one "pin=" is expected, and one "name="');
  const texts = pinText.split(',');
  if (texts.length > MAX_PINS) throw new LinkError(`it has more than ${MAX_PINS} pins`);
  return texts.map((text) => {
    const pin = readPin(text);
    if (!pin) throw new LinkError(`after "pin=" expected ${PIN_FORMAT}, or two with a comma between them`);
    return pin;
  });
}
