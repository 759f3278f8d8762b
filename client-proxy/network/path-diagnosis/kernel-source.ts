import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { interfaceNameBytes } from '../../../shared/runtime/kernel/interface-name.ts';
import { interfaceNameIn, parseIpJson } from '../ip-json.ts';
import { type IpResult, runIp } from '../run-ip.ts';

/** Where a diagnosis gets its facts; others stand in for it in tests. */
export interface KernelSource {
  /** As the function of this name. */
  runIp(args: readonly string[], input?: string): Promise<IpResult | undefined>;
  /** `net.ipv4.conf.INTERFACE.SETTING`, of an interface or of `all`; undefined where it cannot be read. */
  readConf(device: string, setting: string): Promise<number | undefined>;
}

/** This machine. */
export const thisKernel: KernelSource = { runIp, readConf };

/** From /proc; a service may not see that, and `ip` tells of rp_filter alone. */
async function readConf(device: string, setting: string): Promise<number | undefined> {
  const path = ['/proc/sys/net/ipv4/conf/', interfaceNameBytes(device), `/${setting}`];
  try {
    const text = await readFile(Buffer.concat(path.map((part) => Buffer.from(part))), 'latin1');
    return Number.parseInt(text, 10);
  } catch {
    return setting === 'rp_filter' ? readReversePathFilter(device) : undefined;
  }
}

const settings = z.array(z.object({ interface: z.string(), rp_filter: z.string().optional() }));
const MODES = ['off', 'strict', 'loose'];

async function readReversePathFilter(device: string): Promise<number | undefined> {
  const output = await runIp(['-json', '-4', 'netconf']);
  if (output === undefined || output.stdout === '') return undefined;
  const listed = settings.safeParse(parseIpJson(output.stdout)).data ?? [];
  const own = listed.find((one) => interfaceNameIn(one.interface) === device);
  const mode = MODES.indexOf(own?.rp_filter ?? '');
  return mode < 0 ? undefined : mode;
}
