import { readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatClientKey } from '../../../shared/runtime/identity/client-key.ts';
import { type Pair, START_MS, UPLINKS } from './pair.ts';
import { Program, programFile } from './program.ts';

/** A further client program: all as that of the pair, but its name, and a port for SOCKS5 of its own. */
export async function startOther(pair: Pair, id: string, index: number): Promise<Program> {
  const own = JSON.parse(await readFile(pair.clientFile, 'utf8'));
  const file = `${dirname(pair.clientFile)}/${id}.yaml`;
  const client = { id, key: formatClientKey(pair.identityOf(id).key) };
  const socks = { listen: `${pair.socks.host}:${pair.socks.port + index}` };
  const metrics = { listen: `${pair.socks.host}:${29110 + index}` };
  await writeFile(file, JSON.stringify({ ...own, client, socks, metrics }));
  const program = new Program(process.execPath, [programFile('client-proxy'), '--config', file]);
  await program.untilLine('"subflow up"', { count: UPLINKS.length, limitMs: START_MS });
  return program;
}
