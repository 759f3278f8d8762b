/** `npm run bed`: a bed to try things in by hand. */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type Bed, createBed } from './bed.ts';
import { COMMANDS, carryOut, parseUplink } from './bed-command.ts';

const HELP = `Builds the namespaces client, concentrator and origin with uplinks between the first two, until the input ends. As root.

  npm run bed -- [--hosts cubic|bbr] [--seed N] UPLINK...

UPLINK is NAME:RATE/RTT/qQUEUE[/lossPERCENT][/jitterMS][/upRATE], in Mbit/s and ms, as wifi:20/40/q100/loss1. Then, line by line:

${COMMANDS}
`;

process.exitCode = await main().catch((error: Error) => {
  console.error(`bed: ${error.message}`);
  return 2;
});

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { hosts: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean' } },
  });
  const { hosts, seed } = values;
  if (values.help || positionals.length === 0) {
    console.log(HELP);
    return values.help ? 0 : 2;
  }
  if (hosts !== undefined && hosts !== 'cubic' && hosts !== 'bbr') throw new Error('--hosts: cubic or bbr');
  const bed = await createBed({
    uplinks: positionals.map(parseUplink),
    ...(hosts ? { congestionControl: hosts } : {}),
    ...(seed ? { seed: Number(seed) } : {}),
  });
  try {
    describe(bed);
    await obey(bed);
  } finally {
    await bed.close();
  }
  return 0;
}

function describe({ client, concentrator, origin, uplinks }: Bed): void {
  for (const { name, address } of [client, concentrator, origin])
    console.log(`ip netns exec ${name} ...    ${address.v4}  ${address.v6}`);
  for (const { name, client: near } of uplinks) console.log(`${name}: client ${near.v4}  ${near.v6}`);
}

/** Until `quit`, the end of input, or a signal. */
async function obey(bed: Bed): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => lines.close());
  for await (const line of lines) {
    if (line.trim() === 'quit') return;
    if (line.trim() === '') continue;
    console.log(await carryOut(bed, line).catch((error: Error) => error.message));
  }
}
