import { matchesPattern } from './name-pattern.ts';
import type { NetworkInterface } from './network-view.ts';

/** Which interfaces an entry of `uplinks.settings` is for: those for which all that is given holds. */
export interface InterfaceMatch {
  /** The interface's name, or a pattern of name-pattern.ts. */
  readonly match?: string;
  /** As the interface has it now, or as it was made with: `00:11:22:33:44:55`. */
  readonly mac?: string;
  /** The USB port that the device is plugged into, as the kernel counts ports: `1-1.2`. */
  readonly usbPath?: string;
  /** Of the SIM card behind the interface, as ModemManager tells it. */
  readonly iccid?: string;
}

export function matchesInterface(one: NetworkInterface, wanted: InterfaceMatch): boolean {
  const { match, mac, usbPath, iccid } = wanted;
  return (
    (match === undefined || matchesPattern(one.name, match)) &&
    (mac === undefined || (one.macs ?? []).includes(mac)) &&
    (usbPath === undefined || one.usbPath === usbPath) &&
    (iccid === undefined || digitsOf(one.iccid) === digitsOf(iccid))
  );
}

/** Of a SIM card's number, without the letter F that fills up an odd number of digits: some write it, some do not. */
function digitsOf(iccid: string | undefined): string | undefined {
  return iccid?.replace(/F$/i, '');
}

/** What is written in the entry, in a few words: the name of a plan that was not given one. */
export function matchText({ match, mac, usbPath, iccid }: InterfaceMatch): string {
  const parts = [match, mac && `mac ${mac}`, usbPath && `usb ${usbPath}`, iccid && `iccid ${iccid}`];
  return parts.filter((part) => part !== undefined).join(' ');
}
