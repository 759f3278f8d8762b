import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { changePacketFilter } from '../../../client-proxy/transparent/packet-filter.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

/** A program in place of nft: it keeps what it is given, complains, and ends with a code. */
async function nft(complaint: string, exitCode: number): Promise<{ program: string; given: string }> {
  const folder = await temporaryDirectory();
  const [program, given] = [join(folder, 'nft'), join(folder, 'given')];
  await writeFile(program, `#!/bin/sh\ncat > ${given}\nprintf '%s' '${complaint}' >&2\nexit ${exitCode}\n`);
  await chmod(program, 0o755);
  return { program, given };
}

it('gives the script to the first nft that there is', async () => {
  const { program, given } = await nft('', 0);
  await changePacketFilter('table inet x\n', [`${program}-missing`, program]);
  expect(await readFile(given, 'utf8')).toBe('table inet x\n');
});

it.each([
  [
    'Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed',
    /^only root \(CAP_NET_ADMIN\) may change/,
  ],
  [
    '/dev/stdin:5:9-12: Error: Could not process rule: No such file or directory',
    /^the kernel cannot do this; it needs NAT of nftables .*: .*No such file/,
  ],
  ['Error: Could not process rule: Operation not supported', /^the kernel cannot do this/],
  [
    '/dev/stdin:1:1-5: Error: syntax error',
    /^nft refused the rules: \/dev\/stdin:1:1-5: Error: syntax error$/,
  ],
  ['', /^nft refused the rules: it said nothing$/],
])('says what is missing: %j', async (complaint, expected) => {
  const { program } = await nft(complaint, 1);
  await expect(changePacketFilter('', [program])).rejects.toThrow(expected);
});

it('says that there is no nft', async () => {
  const { program } = await nft('', 0);
  await expect(changePacketFilter('', [`${program}-missing`])).rejects.toThrow('nft is not installed');
});
