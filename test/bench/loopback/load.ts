import { compiled } from '../../bed/compile.ts';
import type { Namespace } from '../../bed/namespace.ts';
import { endProgram, untilListening } from '../../lab/programs.ts';

/** How the load reaches the origin. */
export interface LoadTarget {
  readonly address: string;
  readonly port: number;
  /** A proxy on 127.0.0.1; 0: none. */
  readonly proxyPort: number;
  /** Whether it is asked by HTTP CONNECT, in place of SOCKS5. */
  readonly isHttp?: true;
}

/** Serves the pattern at a port of a namespace; answers how to end it. */
export async function startSource(where: Namespace, port: number): Promise<() => Promise<void>> {
  const child = where.spawn(await compiled('load'), ['source', String(port)], { stdio: 'ignore' });
  await untilListening(child, port, 'load source');
  return () => endProgram(child);
}

/** Seconds that a download of `bytes` takes; the reader takes at most `bytesPerSecond` (0: no limit). */
export async function pull(
  where: Namespace,
  target: LoadTarget,
  bytes: number,
  { bytesPerSecond = 0, timeoutMs }: { bytesPerSecond?: number; timeoutMs: number },
): Promise<number> {
  const { ns } = await load(where, 'pull', target, [bytes, bytesPerSecond], timeoutMs);
  return (ns ?? Number.NaN) / 1e9;
}

/** Small downloads per second on fresh connections, `lanes` at a time. Throws when any fails. */
export async function opensPerSecond(
  where: Namespace,
  target: LoadTarget,
  lanes: number,
  ms: number,
): Promise<number> {
  const { count, failed, ns } = await load(where, 'opens', target, [lanes, ms], ms + 30_000);
  if (failed || !count || !ns) throw new Error(`${failed} of ${count} connections failed`);
  return count / (ns / 1e9);
}

/** Time from when each of `perSecond` connections was due to its first byte. Throws when any fails. */
export async function openLatency(
  where: Namespace,
  target: LoadTarget,
  perSecond: number,
  ms: number,
): Promise<{ p50Ms: number; p99Ms: number }> {
  const { count, failed, p50, p99 } = await load(where, 'paced', target, [perSecond, ms], ms + 30_000);
  if (failed || !count) throw new Error(`${failed} connections failed, ${count} did not`);
  return { p50Ms: (p50 ?? Number.NaN) / 1e6, p99Ms: (p99 ?? Number.NaN) / 1e6 };
}

/** Milliseconds until `objects` small downloads that begin at once are complete: the median of so many times. Throws when any fails. */
export async function pageMs(
  where: Namespace,
  target: LoadTarget,
  objects: number,
  repeats: number,
): Promise<number> {
  const { failed, p50 } = await load(where, 'page', target, [objects, repeats], 60_000);
  if (failed !== 0) throw new Error(`${failed} connections failed`);
  return (p50 ?? Number.NaN) / 1e6;
}

/** What the program prints, as `name value` pairs. */
async function load(
  where: Namespace,
  mode: string,
  { address, port, proxyPort, isHttp }: LoadTarget,
  values: readonly number[],
  timeoutMs: number,
): Promise<Partial<Record<string, number>>> {
  const proxy = isHttp ? `http:${proxyPort}` : proxyPort;
  const args = [mode, port, proxy, ...values, address].map(String);
  const words = (await where.exec(await compiled('load'), args, { timeoutMs })).trim().split(' ');
  const found: Partial<Record<string, number>> = {};
  for (let i = 0; i + 1 < words.length; i += 2) found[words[i]!] = Number(words[i + 1]);
  return found;
}
