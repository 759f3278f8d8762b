import { runTool } from '../doctor/run-tool.ts';
import { UsageError } from './command-line.ts';

/**
 * What a command does at its end so that its configuration is used: has systemd start the service that reads it, or says how.
 *
 * @param service its name, where one of this system reads the file
 * @param command that runs the program by hand
 * @returns words for people
 * @throws UsageError where it was to be started and cannot be
 */
export async function startOrTell(
  isStarted: boolean,
  service: string | undefined,
  command: string,
): Promise<string> {
  if (!isStarted) return `Next, here: ${service === undefined ? command : `systemctl restart ${service}`}`;
  if (service === undefined) throw new UsageError(NO_SERVICE);
  if ((await runTool('systemctl', ['restart', service])) === undefined) {
    throw new UsageError(`the service ${service} cannot be started: systemctl status ${service} says why`);
  }
  return `${service} runs. What it does: systemctl status ${service}; ${service} status`;
}

const NO_SERVICE =
  '--start starts the service of this system that reads /etc/tributary, and there is none: the files are written, start it by hand';
