import { get } from 'node:http';
import { type Destination, formatDestination } from '../../protocol/destination.ts';
import { TributaryError } from '../../protocol/errors.ts';
import { type CommandLineDeps, UsageError } from './command-line.ts';
import { ConfigForbiddenError } from './config-error.ts';
import { loadOrAdvise } from './read-config-text.ts';

/** Where a running program tells its status, by its configuration. */
export interface ToldAt {
  /** Absent where this user may not read it. */
  readonly file?: string;
  readonly metrics?: { readonly listen: Destination };
}

/** Nothing that could be asked for its status. */
class StatusError extends TributaryError {
  constructor(message: string, options?: ErrorOptions) {
    super('connectionRefused', message, 'ours', options);
  }
}

/** The program answers within milliseconds, or hangs. */
const ANSWER_MS = 5_000;
/** The status of thousands of sessions has a few megabytes. */
const MAX_ANSWER_LENGTH = 64 * 1024 * 1024;

/** The options of `status`, as they were written. */
export interface StatusOptions {
  readonly json?: true;
  readonly ready?: true;
}

/**
 * That of the configuration. Of a service's configuration, which root alone may read, the usual one.
 * @param load reads the configuration
 * @param named by whoever asks: then no other program is meant
 */
export async function toldAt(
  load: () => Promise<ToldAt>,
  named: string | undefined,
  usual: Destination,
  { env, stderr }: Pick<CommandLineDeps, 'env' | 'stderr'>,
): Promise<ToldAt> {
  if (named !== undefined || env.TRIBUTARY_CONFIG) return loadOrAdvise(load);
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof ConfigForbiddenError)) throw error;
    stderr(`${error.message}\nSo this asks at ${formatDestination(usual)}, the usual address.\n`);
    return { metrics: { listen: usual } };
  }
}

/** Prints what the program that runs with this configuration says of its status. Throws as `askStatus`. */
export async function printStatus(
  toldAt: ToldAt,
  { json, ready }: StatusOptions,
  program: string,
  deps: Pick<CommandLineDeps, 'stdout'>,
): Promise<void> {
  if (json && ready) throw new UsageError('give status either --json or --ready');
  const path = ready ? '/readyz' : json ? '/status' : '/status.txt';
  deps.stdout(await askStatus(toldAt, path, program));
}

/**
 * What the program that runs with this configuration says at a path. Throws UsageError when the configuration has no endpoint,
 * StatusError when nothing answers there, or when it is asked whether it can serve and cannot.
 */
export async function askStatus(
  { file = 'the configuration', metrics }: ToldAt,
  path: '/status' | '/status.txt' | '/readyz',
  program: string,
): Promise<string> {
  if (metrics === undefined) {
    throw new UsageError(
      `${file}: "metrics: false" turns off what tells the status: give metrics.listen an address`,
    );
  }
  const { listen } = metrics;
  const where = `${formatDestination(listen)} (metrics.listen in ${file})`;
  const { status, text } = await ask(listen, path).catch(({ message }: Error) => {
    throw new StatusError(
      `nothing answers at ${where}: does ${program} run, with this configuration? (${message})`,
    );
  });
  if (path === '/readyz' && status === 503) throw new StatusError(text.trimEnd());
  if (status !== 200) {
    throw new StatusError(
      `what answers at ${where} tells no status (HTTP ${status}): is it another program, or an older ${program}?`,
    );
  }
  return text;
}

function ask(
  { host, port }: Destination,
  path: string,
): Promise<{ status: number | undefined; text: string }> {
  const options = { host: SELF[host] ?? host, port, path, signal: AbortSignal.timeout(ANSWER_MS) };
  return new Promise((resolve, reject) => {
    get(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece) => {
        text += piece;
        if (text.length > MAX_ANSWER_LENGTH) response.destroy(new Error('the answer has no end'));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, text }));
    }).on('error', reject);
  });
}

/** Where a program that listens at every address answers. */
const SELF: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
