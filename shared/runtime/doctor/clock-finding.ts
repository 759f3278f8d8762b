import { type Finding, ok, skipped, warning } from './finding.ts';
import type { runTool } from './run-tool.ts';

/** Whether the kernel's clock follows a time server. Caps of metered uplinks, logs and certificates go by it. */
export async function clockFinding(run: typeof runTool): Promise<Finding> {
  const answer = await run('timedatectl', ['show', '--property=NTPSynchronized', '--value']);
  switch (answer?.trim()) {
    case 'yes':
      return ok('follows a time server');
    case 'no':
      return warning('does not follow a time server', ['timedatectl set-ntp true']);
    default:
      return skipped('timedatectl is not here, or does not tell');
  }
}
