import { readFile } from 'node:fs/promises';
import { interfaceNameBytes } from '../../../shared/runtime/kernel/interface-name.ts';
import { readRouteAnswers, type RouteAnswers, type RouteQuestion, ROUTE_BATCH_ARGS, routeBatch } from '../route-questions.ts';
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

/** Asks for routes; undefined where there is no iproute2 that understands it. */
export async function askRoutes(
  { runIp }: Pick<KernelSource, 'runIp'>,
  questions: readonly RouteQuestion[],
): Promise<RouteAnswers | undefined> {
  if (questions.length === 0) return new Map();
  for (const byPort of [true, false]) {
    const output = await runIp(ROUTE_BATCH_ARGS, routeBatch(questions, byPort));
    const answers = output && readRouteAnswers(questions, output);
    if (answers !== undefined) return answers;
  }
  return undefined;
}

async function readConf(device: string, setting: string): Promise<number | undefined> {
  const path = ['/proc/sys/net/ipv4/conf/', interfaceNameBytes(device), `/${setting}`];
  try {
    const text = await readFile(Buffer.concat(path.map((part) => Buffer.from(part))), 'latin1');
    return Number.parseInt(text, 10);
  } catch {
    return undefined;
  }
}
