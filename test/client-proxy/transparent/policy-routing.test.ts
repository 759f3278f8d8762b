import { expect, it } from 'vitest';
import type { CommandResult } from '../../../client-proxy/network/run-command.ts';
import { setPolicyRouting } from '../../../client-proxy/transparent/policy-routing.ts';

const RULE = 'pref 7472 fwmark 0x4000000/0x4000000 lookup 7472';
const ROUTE = 'local default dev lo table 7472';

/** What `ip` was asked; it complains of what is named. */
function bed(complaints: Readonly<Record<string, string>> = {}) {
  const asked: string[] = [];
  const run = async (args: readonly string[]): Promise<CommandResult | undefined> => {
    const command = args.join(' ');
    asked.push(command);
    const [, stderr] = Object.entries(complaints).find(([part]) => command.includes(part)) ?? [];
    if (stderr === 'absent') return undefined;
    return { exitCode: stderr === undefined ? 0 : 2, stdout: '', stderr: stderr ?? '' };
  };
  return { asked, set: (...families: (4 | 6)[]) => setPolicyRouting(families, run) };
}

it('adds what is wanted, and takes back only its own', async () => {
  const { asked, set } = bed();
  await set(4);
  expect(asked).toEqual([
    ...[`-4 route replace ${ROUTE}`, `-4 rule add ${RULE}`],
    ...[`-6 rule del ${RULE}`, `-6 route del ${ROUTE}`],
  ]);
});

it.each([
  ['what is there already', [4, 6], { 'rule add': 'RTNETLINK answers: File exists' }],
  ['what is not there', [], { del: 'RTNETLINK answers: No such file or directory' }],
  ['a table that does not exist', [], { 'route del': 'Error: ipv4: FIB table does not exist.' }],
  ['a machine without IPv6', [4], { '-6': 'RTNETLINK answers: Address family not supported by protocol' }],
  [
    'a machine without iproute2, where nothing is to be taken back',
    [],
    { ip: 'absent', '-4': 'absent', '-6': 'absent' },
  ],
] as const)('leaves alone %s', async (_, families, complaints) => {
  await expect(bed(complaints).set(...families)).resolves.toBeUndefined();
});

it.each([
  [{ 'rule add': 'RTNETLINK answers: Operation not permitted' }, 'only root'],
  [{ 'route replace': 'absent' }, 'ip (iproute2) is not installed'],
  [{ 'rule add': 'Error: something else' }, 'ip -4 rule add pref 7472'],
])('fails with what has to be mended: %j', async (complaints, message) => {
  await expect(bed(complaints).set(4)).rejects.toThrow(message);
});
