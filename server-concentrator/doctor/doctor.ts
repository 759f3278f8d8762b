import { promises as dns, Resolver } from 'node:dns';
import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { AddressRanges } from '../../shared/runtime/address/address-ranges.ts';
import { Cancellation } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { secretFileProblems } from '../../shared/runtime/config/secret-files.ts';
import { readingService } from '../../shared/runtime/config/service-group.ts';
import { DnsResolver } from '../../shared/runtime/dns/resolver.ts';
import { Examination } from '../../shared/runtime/doctor/examination.ts';
import { runChecks } from '../../shared/runtime/doctor/run-checks.ts';
import { runTool } from '../../shared/runtime/doctor/run-tool.ts';
import { CONCENTRATOR_SERVICE } from '../cli/command-defaults.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import type { ConcentratorCase } from './case/concentrator-check.ts';
import { lookAtPort } from './case/look-at-port.ts';
import { CONCENTRATOR_CHECKS } from './concentrator-checks.ts';

export interface ConcentratorDoctorDeps extends Pick<ConcentratorCase, 'now' | 'ownAddresses'> {
  readonly clock: MonotonicClock;
  readonly version: string;
  readonly isRoot: boolean;
  stdout(text: string): void;
}

/** Reserved by RFC 2606, so that every name server knows it or asks others. */
const ANY_NAME = 'example.org';
const PATIENCE_MS = 2_500;

/** Examines the machine of a concentrator, prints what it finds, and says what mends it. Throws TroubleFound unless all is well. */
export async function doctor(
  config: ConcentratorConfig,
  { json }: { readonly json: boolean },
  { version, isRoot, stdout, now, clock, ownAddresses }: ConcentratorDoctorDeps,
): Promise<void> {
  const examination = new Examination({
    program: 'tributary-concentrator',
    version,
    json,
    stdout,
  });
  const behind = new AddressRanges(config.balancers);
  const resolver = new DnsResolver({ timeoutMs: PATIENCE_MS, clock });
  const service = await readingService(CONCENTRATOR_SERVICE, config.file, { isRoot });
  examination.begin('this machine');
  const here: ConcentratorCase = {
    config,
    now,
    ownAddresses,
    lookAtPort: (address) => lookAtPort(address, behind),
    runTool,
    secretFileProblems: (files) => secretFileProblems(files, service),
    readFile: (path) => readFile(path, 'utf8').catch(() => undefined),
    resolve: (name) => resolver.resolve(name, new Cancellation()),
    nameServers: new Resolver().getServers(),
    askNameServer,
    totalMemoryBytes: totalmem(),
  };
  await runChecks(CONCENTRATOR_CHECKS, here, null, examination.add);
  examination.end();
}

async function askNameServer(server: string): Promise<void> {
  const resolver = new dns.Resolver({ timeout: PATIENCE_MS, tries: 1 });
  resolver.setServers([server]);
  try {
    await resolver.resolve4(ANY_NAME);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTFOUND' && code !== 'ENODATA') throw error;
  }
}
