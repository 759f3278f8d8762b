import { BYTE_SIZE_FORMAT, parseByteSize } from '../../shared/runtime/config/byte-size.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { byteText } from '../../shared/runtime/text/byte-text.ts';
import {
  aboutConcentrator,
  type ClientConfig,
  type ConfiguredConcentrator,
  type ConfiguredUplink,
  concentratorsNamed,
} from '../config/client-config.ts';
import { routeDestinations } from '../config/route-destinations.ts';
import { networkNeeds } from '../discovery/network-needs.ts';
import { examinedUplinks } from '../doctor/examined-uplinks.ts';
import { measuringConfig } from '../speedtest/measuring-client.ts';
import type { SpeedProgress, SpeedReport } from '../speedtest/speed-report.ts';
import { progressText, speedText } from '../speedtest/speed-text.ts';
import { SpeedTestError } from '../speedtest/subjects.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';
import { knownNetwork } from './known-network.ts';

/** The options of `speedtest`, as they were written. */
export interface SpeedTestArguments {
  readonly uplink?: readonly string[];
  readonly concentrator?: string;
  readonly metered?: true;
  readonly max: string;
  readonly seconds: string;
  readonly json?: true;
}

const MOST_SECONDS = 60;
const CLEAR_LINE = '\r\x1b[K';

/**
 * Runs `speedtest`: prints progress to standard error, and the report. Throws UsageError for options that make no sense, and
 * SpeedTestError where something could not be measured.
 */
export async function runSpeedTest(
  configured: ClientConfig,
  { uplink: named, concentrator, metered, max, seconds, json }: SpeedTestArguments,
  deps: ClientCliDeps,
): Promise<void> {
  if (configured.mode === 'direct')
    throw new UsageError('mode is direct: there is no concentrator to measure with');
  const [first, ...others] = concentratorsNamed(configured, concentrator) as [ConfiguredConcentrator];
  if (others.length > 0)
    deps.stderr(`measuring with ${first.name}, the first concentrator: --concentrator names another\n`);
  const config = aboutConcentrator(configured, first);
  const [maxBytes, measurementMs] = [bytesOf(max), millisecondsOf(seconds)];
  const { view } = await knownNetwork(deps, routeDestinations(config), networkNeeds(config));
  const bindsByInterface = deps.interfaceBinding().available;
  const { uplinks } = examinedUplinks(config, view ?? { interfaces: [] }, bindsByInterface, named);
  const isMeteredAllowed = metered === true || (await askForMetered(uplinks, maxBytes, deps));
  const chosen = uplinks.filter((one) => isMeteredAllowed || one.metered === undefined);
  const spared = uplinks.filter((one) => !chosen.includes(one));
  for (const { name } of spared) deps.stderr(`${name} is metered and left out: --metered measures it, too\n`);
  if (chosen.length === 0) throw new SpeedTestError('there is no uplink to measure now');
  const tell = progressTeller(deps, json === true);
  const request = { metered: isMeteredAllowed, maxBytes, measurementMs };
  let report: SpeedReport;
  try {
    report = await deps.speedTest(measuringConfig(config, chosen), request, tell);
  } finally {
    if (isAtTerminal(deps, json === true)) deps.stderr(CLEAR_LINE);
  }
  deps.stdout(json ? `${JSON.stringify(report, undefined, 2)}\n` : speedText(report));
  const missing = report.uplinks.filter(({ state }) => state === 'failed').map(({ name }) => name);
  if (report.aggregateReason !== '') missing.push('the aggregate');
  if (missing.length > 0) throw new SpeedTestError(`not measured: ${missing.join(', ')}`);
}

function bytesOf(text: string): number {
  const bytes = parseByteSize(text);
  if (bytes === undefined || bytes === 0)
    throw new UsageError(`--max: expected ${BYTE_SIZE_FORMAT}, above 0`);
  return bytes;
}

function millisecondsOf(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 1 && seconds <= MOST_SECONDS)) {
    throw new UsageError(`--seconds: expected a number from 1 to ${MOST_SECONDS}`);
  }
  return Math.round(seconds * 1_000);
}

/** Where nobody can be asked, the answer is no. */
async function askForMetered(
  uplinks: readonly ConfiguredUplink[],
  maxBytes: number,
  { input }: ClientCliDeps,
): Promise<boolean> {
  const names = uplinks.filter((uplink) => uplink.metered !== undefined).map(({ name }) => name);
  if (names.length === 0 || !input.isTerminal) return false;
  const what = `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} metered`;
  const answer = await input.ask(
    `${what}; the test may use up to ${byteText(maxBytes)}. Measure, too? [y/N] `,
  );
  return /^y(es)?$/i.test(answer?.trim() ?? '');
}

function isAtTerminal({ terminal }: ClientCliDeps, json: boolean): boolean {
  return terminal.isTerminal && !json;
}

/** At a terminal one line that changes; elsewhere a line for each measurement. */
function progressTeller(deps: ClientCliDeps, json: boolean): (progress: SpeedProgress) => void {
  let told = '';
  return (progress) => {
    if (isAtTerminal(deps, json)) {
      const { columns } = deps.terminal.size;
      deps.stderr(`${CLEAR_LINE}${progressText(progress).slice(0, columns - 1)}`);
      return;
    }
    const step = `${progress.phase} ${progress.direction} ${progress.uplinks.join(' ')}`;
    if (step === told) return;
    told = step;
    deps.stderr(`${progressText({ ...progress, bitsPerSecond: undefined })}\n`);
  };
}
