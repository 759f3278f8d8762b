import { isIP } from 'node:net';
import { whyVirtual } from '../../../client-proxy/network/interface-kind.ts';
import { parseIpAddress } from '../../../client-proxy/network/ip-output.ts';
import { type RouteQuestion, readRouteAnswers } from '../../../client-proxy/network/route-questions.ts';
import { type FuzzTarget, promise } from '../fuzz-target.ts';

const QUESTIONS: readonly RouteQuestion[] = [
  { target: { host: '192.0.2.1', port: 1 }, over: { name: 'wan0', index: 2 } },
  { target: { host: '2001:db8::1', port: 1 }, source: '2001:db8::2' },
];

const ADDRESSES = [
  {
    ifname: 'wan0',
    ifindex: 2,
    flags: ['UP', 'LOWER_UP'],
    link_type: 'ether',
    addr_info: [
      { family: 'inet', local: '192.0.2.7' },
      { local: 'fe80::1', tentative: true },
    ],
  },
  {},
];

/** What the programs of other versions of iproute2 may print: it is read, or refused as a SyntaxError, and nothing else is thrown. */
export const ipOutput: FuzzTarget = {
  name: 'ip-output',
  maxBytes: 2_048,
  seeds: () => [
    Uint8Array.of(0, ...Buffer.from(JSON.stringify(ADDRESSES))),
    Uint8Array.of(1, ...Buffer.from('[{"dst":"default","nexthops":[{"dev":"wan0"}]}]\n')),
    Uint8Array.of(1, ...Buffer.from('RTNETLINK answers: Network is unreachable\nCommand failed -:2\n')),
  ],
  run(input) {
    const text = Buffer.from(input.subarray(1)).toString('latin1');
    if (((input[0] ?? 0) & 1) === 0) readAddresses(text);
    else readRoutes(text);
  },
};

function readAddresses(text: string): void {
  try {
    for (const link of parseIpAddress(text, () => '1-1.2:1.0')) {
      promise(typeof link.name === 'string' && typeof link.index === 'number', 'an interface without a name');
      for (const address of link.addresses) promise(isIP(address) !== 0, `${address} is no address`);
      whyVirtual(link);
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
}

function readRoutes(text: string): void {
  // Either of what it prints may be anything.
  const answers = readRouteAnswers(QUESTIONS, { stdout: text, stderr: '' });
  promise(answers?.size === QUESTIONS.length, 'a question without an answer');
  for (const question of readRouteAnswers(QUESTIONS, { stdout: '', stderr: text })?.keys() ?? []) {
    promise(QUESTIONS.includes(question), 'an answer that nobody asked for');
  }
}
