import type { AddressFamily } from './network-view.ts';

/** An interface, as commands name it. */
export interface NamedDevice {
  readonly name: string;
  readonly index: number;
}

/** For a table or metric of an interface's own: it must be nobody else's. */
const OWN_NUMBER_BASE = 1_000;

/** The number of a table of the interface's own, or a metric. */
export function ownNumber({ index }: NamedDevice): number {
  return OWN_NUMBER_BASE + index;
}

/** The name as a word of a command line of iproute2; `ifN` is its own name for one that is none. */
export function deviceWord({ name, index }: NamedDevice): string {
  return isPlain(name) || index === 0 ? name : `if${index}`;
}

/** `net.ipv4.conf.NAME.SETTING` as a word of a command line of sysctl. */
export function confKey(device: string, setting: string): string {
  // Between slashes a dot is part of the name.
  const key = device.includes('.')
    ? `net/ipv4/conf/${device}/${setting}`
    : `net.ipv4.conf.${device}.${setting}`;
  return isPlain(device) ? key : `'${key.replaceAll("'", "'\\''")}'`;
}

export function ipCommand(family: AddressFamily): string {
  return family === 6 ? 'ip -6' : 'ip';
}

/** Gives an interface a default route, up to the metric or table. @param hasGateway as in a LAN; a tunnel has none */
export function defaultRouteCommand(device: NamedDevice, family: AddressFamily, hasGateway: boolean): string {
  return `${ipCommand(family)} route add default ${hasGateway ? 'via GATEWAY ' : ''}dev ${deviceWord(device)}`;
}

/** Whether the name is a word to a shell, and to the batches of iproute2. */
export function isPlain(name: string): boolean {
  return /^[A-Za-z0-9_.@-]+$/.test(name);
}
