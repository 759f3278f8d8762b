import { existsSync } from 'node:fs';
import { SOCKS } from '../../lab/bed-place.ts';
import { endProgram, missingProgram, untilListening } from '../../lab/programs.ts';
import type { ContestantKind } from './contestant.ts';

const PORT = 8388;
const CIPHER = ['-k', 'benchmark', '-m', 'aes-256-gcm', '--no-delay'];

/** shadowsocks-libev over the kernel's MPTCP at both ends: the arrangement of OpenMPTCProuter. */
export const kernelMptcp: ContestantKind = {
  name: 'kernel-mptcp',
  title: 'shadowsocks over kernel MPTCP',
  missing: () =>
    existsSync('/proc/sys/net/mptcp/enabled')
      ? missingProgram([
          { name: 'ss-local', aptPackage: 'shadowsocks-libev' },
          { name: 'mptcpize', aptPackage: 'mptcpize' },
        ])
      : 'this kernel has no MPTCP',
  of: () => [
    {
      name: 'kernel-mptcp',
      async start(bed) {
        await bed.enableKernelMptcp();
        const { v4 } = bed.concentrator.address;
        const server = bed.concentrator.spawn(
          'mptcpize',
          ['run', 'ss-server', '-s', '0.0.0.0', '-p', String(PORT), ...CIPHER],
          { stdio: 'ignore' },
        );
        const local = bed.client.spawn(
          'mptcpize',
          [
            'run',
            'ss-local',
            '-s',
            v4,
            '-p',
            String(PORT),
            '-b',
            SOCKS.host,
            '-l',
            String(SOCKS.port),
            ...CIPHER,
          ],
          { stdio: 'ignore' },
        );
        await untilListening(server, PORT, 'ss-server');
        await untilListening(local, SOCKS.port, 'ss-local');
        return {
          route: { socks: SOCKS },
          processes: [
            { role: 'client', pid: local.pid! },
            { role: 'concentrator', pid: server.pid! },
          ],
          async stop() {
            await endProgram(local);
            await endProgram(server);
          },
        };
      },
    },
  ],
};
