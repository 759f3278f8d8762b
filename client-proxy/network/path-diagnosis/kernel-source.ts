import { readFile } from 'node:fs/promises';
import { interfaceNameBytes } from '../../../shared/runtime/kernel/interface-name.ts';
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

async function readConf(device: string, setting: string): Promise<number | undefined> {
  const path = ['/proc/sys/net/ipv4/conf/', interfaceNameBytes(device), `/${setting}`];
  try {
    const text = await readFile(Buffer.concat(path.map((part) => Buffer.from(part))), 'latin1');
    return Number.parseInt(text, 10);
  } catch {
    return undefined;
  }
}
