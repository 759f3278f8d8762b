import type { KernelSource } from '../../../../client-proxy/network/path-diagnosis/kernel-source.ts';

/** What a stand-in for the kernel says. */
export interface Kernel {
  /** Each as `ip -json -details address` prints it, with what nobody reads left out. */
  readonly links: readonly object[];
  /** By a part of the question: the JSON of the route, or an error. The first that fits counts; otherwise there is no route. */
  readonly routes: readonly (readonly [RegExp, string])[];
  readonly conf?: Readonly<Record<string, number>>;
  /** What `ip -json neighbour show to ADDRESS` prints, and `ip -json route show table all dev DEV`. */
  readonly neighbours?: readonly object[];
  readonly tables?: readonly object[];
  /** What `ip -json rule show` prints, and `ip -json route show table all type TYPE` for each type. */
  readonly rules?: readonly object[];
  readonly refusals?: Readonly<Record<string, readonly object[]>>;
}

export function link(name: string, ifindex: number, address: string, over: object = {}): object {
  const [local, prefixlen = '24'] = address.split('/');
  return {
    ...{ ifindex, ifname: name, link_type: 'ether', flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'] },
    addr_info: [{ family: 'inet', local, prefixlen: Number(prefixlen) }],
    ...over,
  };
}

/** A route as recorded from `ip -json route get fibmatch`. */
export function via(gateway: string, dev: string): string {
  return `[{"dst":"default","gateway":"${gateway}","dev":"${dev}","metric":100,"flags":[]}]`;
}

/** And what is asked of it. */
export function kernelOf(kernel: Kernel): KernelSource {
  const { links, routes, conf = {}, neighbours = [], tables = [], rules = [], refusals = {} } = kernel;
  const answer = (question: string, index: number) => {
    const [, said = 'Network is unreachable'] = routes.find(([asked]) => asked.test(question)) ?? [];
    return said.startsWith('[')
      ? { stdout: `${said}\n`, stderr: '' }
      : { stdout: '', stderr: `RTNETLINK answers: ${said}\nCommand failed -:${index + 1}\n` };
  };
  return {
    async runIp(args, input) {
      // The bytes of UTF-8 as latin1, as `runIp` has them.
      const said = (value: unknown) => ({
        stdout: Buffer.from(JSON.stringify(value)).toString('latin1'),
        stderr: '',
      });
      if (args.includes('address')) return said(links);
      if (args.includes('neighbour')) return said(neighbours);
      if (args.includes('rule')) return said(rules);
      if (args.includes('type')) return said(refusals[args.at(-1)!] ?? []);
      if (args.includes('table')) return said(tables);
      const answers = (input ?? '').trimEnd().split('\n').map(answer);
      return {
        stdout: answers.map(({ stdout }) => stdout).join(''),
        stderr: answers.map(({ stderr }) => stderr).join(''),
      };
    },
    readConf: async (device, setting) => conf[`${device}.${setting}`],
  };
}
