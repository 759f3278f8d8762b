import type { ConcentratorCheck } from './case/concentrator-check.ts';
import { certificateCheck } from './checks/certificate.ts';
import { clientsCheck } from './checks/clients.ts';
import { clockCheck } from './checks/clock.ts';
import { descriptorsCheck } from './checks/descriptors.ts';
import { firewallCheck } from './checks/firewall.ts';
import { ipv6Check } from './checks/ipv6.ts';
import { kernelCheck } from './checks/kernel.ts';
import { memoryCheck } from './checks/memory.ts';
import { nameServersCheck } from './checks/name-servers.ts';
import { portCheck } from './checks/port.ts';
import { publicAddressesCheck } from './checks/public-addresses.ts';

/** What is checked of a concentrator, in this order. */
export const CONCENTRATOR_CHECKS: readonly ConcentratorCheck[] = [
  portCheck,
  firewallCheck,
  certificateCheck,
  clientsCheck,
  publicAddressesCheck,
  nameServersCheck,
  ipv6Check,
  kernelCheck,
  descriptorsCheck,
  clockCheck,
  memoryCheck,
];
