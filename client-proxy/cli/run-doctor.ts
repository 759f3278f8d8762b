import { BYTE_SIZE_FORMAT, parseByteSize } from '../../shared/runtime/config/byte-size.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import type { ClientConfig } from '../config/client-config.ts';
import { doctor } from '../doctor/doctor.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';
import { usageFileOf } from './plan-usage.ts';

/** The options of `doctor`, as they were written. */
export interface DoctorArguments {
  readonly uplink?: readonly string[];
  readonly concentrator?: string;
  readonly json?: true;
  readonly metered?: true;
  readonly speedBytes: string;
  readonly natTimeout?: true;
}

const MAX_SPEED_BYTES = 1e9;

/** Runs `doctor`. Throws UsageError for options that make no sense, and what `doctor` throws. */
export async function runDoctor(
  config: ClientConfig,
  { uplink, concentrator, json, metered, speedBytes: size, natTimeout }: DoctorArguments,
  deps: ClientCliDeps,
): Promise<void> {
  const speedBytes = parseByteSize(size);
  if (speedBytes === undefined || speedBytes > MAX_SPEED_BYTES) {
    throw new UsageError(`--speed-bytes: expected ${BYTE_SIZE_FORMAT}, at most 1GB`);
  }
  await doctor(
    config,
    {
      json: json === true,
      metered: metered === true,
      natTimeout: natTimeout === true,
      speedBytes,
      ...(uplink === undefined ? {} : { uplinks: uplink }),
      ...(concentrator === undefined ? {} : { concentrator }),
    },
    {
      ...deps,
      native: deps.nativeSockets(),
      wallClock: () => deps.now().getTime(),
      usageFile: usageFileOf(config, deps),
    },
  );
}
