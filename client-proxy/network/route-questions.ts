import * as z from 'zod';
import type { Destination } from '../../shared/protocol/destination.ts';
import { interfaceNameIn, parseIpJson } from './ip-json.ts';
import { deviceWord, type NamedDevice } from './remedy-commands.ts';
import type { IpResult } from './run-ip.ts';

/** How would the kernel send packets of a TCP connection to `target`, an address? */
export interface RouteQuestion {
  readonly target: Destination;
  /** For a socket that is bound to this interface. */
  readonly over?: NamedDevice;
  /** For a socket that is bound to this source address. */
  readonly source?: string;
}

/** A route that the kernel has found. */
export interface FoundRoute {
  /** All that is known of it, in one line, for comparison. */
  readonly text: string;
  /** The names of the interfaces by which packets leave: one, or those of a route with several next hops. */
  readonly devices: readonly string[];
  /** Of the first next hop; absent where the target counts as a neighbour. */
  readonly gateway?: string;
  /** The source address that the route names. */
  readonly preferredSource?: string;
}

/** The kernel's answer: the route, or its error in iproute2's words. */
export type RouteAnswer = { readonly route: FoundRoute } | { readonly error: string };

export type RouteAnswers = ReadonlyMap<RouteQuestion, RouteAnswer>;

/**
 * Asks the kernel; the answers in the order of the questions. Undefined where there is no iproute2 that understands them. Rejects
 * as `run` does.
 */
export async function askRoutes(
  run: (args: readonly string[], input: string) => Promise<IpResult | undefined>,
  questions: readonly RouteQuestion[],
): Promise<RouteAnswers | undefined> {
  if (questions.length === 0) return new Map();
  for (const byPort of [true, false]) {
    const output = await run(['-json', '-force', '-batch', '-'], routeBatch(questions, byPort));
    const answers = output && readRouteAnswers(questions, output);
    if (answers !== undefined || output === undefined) return answers;
  }
  return undefined;
}

/**
 * The input of `ip -force -batch -` for these questions: the kernel answers by its own rules and tables.
 * @param byPort asks for the port too, as rules may; iproute2 before 4.17 does not understand that
 */
export function routeBatch(questions: readonly RouteQuestion[], byPort = true): string {
  return questions
    .map(({ target: { host, port }, over, source }) => {
      const from = source === undefined ? '' : ` from ${source}`;
      const oif = over === undefined ? '' : ` oif ${deviceWord(over)}`;
      const to = byPort ? ` ipproto tcp dport ${port}` : '';
      // Without fibmatch the kernel takes any address for a neighbour when only the interface is given.
      return `route get fibmatch ${host}${from}${oif}${to}\n`;
    })
    .join('');
}

/** The answers, in the order of the questions; undefined when `ip` did not understand them. */
export function readRouteAnswers(
  questions: readonly RouteQuestion[],
  { stdout, stderr }: IpResult,
): RouteAnswers | undefined {
  const errors = readErrors(stderr);
  if (errors === undefined) return undefined;
  // Each success is a line, in order and without its number.
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  const answers = new Map<RouteQuestion, RouteAnswer>();
  for (const [index, question] of questions.entries()) {
    const error = errors.get(index + 1);
    answers.set(question, error === undefined ? { route: readRoute(lines.shift()) } : { error });
  }
  return answers;
}

/** The route of an answer that is one. */
export function routeOf(answer: RouteAnswer | undefined): FoundRoute | undefined {
  return answer !== undefined && 'route' in answer ? answer.route : undefined;
}

/** By the number of the question. */
function readErrors(stderr: string): Map<number, string> | undefined {
  const errors = new Map<number, string>();
  let said = '';
  for (const line of stderr.split('\n')) {
    const number = /^Command failed .*:(\d+)$/.exec(line)?.[1];
    if (number !== undefined) {
      // Anything else is a version that lacks the command, and says nothing of routes.
      if (said !== '' && !ABOUT_ROUTES.test(said)) return undefined;
      errors.set(Number(number), said.replace(/^RTNETLINK answers: /, ''));
      said = '';
    } else if (line !== '') {
      said = line;
    }
  }
  return errors;
}

const ABOUT_ROUTES = /^RTNETLINK answers|^Cannot find device/;

const hop = z.object({
  dev: z.string().optional(),
  gateway: z.string().optional(),
  via: z.object({ host: z.string() }).optional(),
});
/** What `ip -json route get fibmatch` prints, in part (iproute2's names). */
const route = hop.extend({ prefsrc: z.string().optional(), nexthops: z.array(hop).optional() });

/** An older version prints text, which says only that there is one. */
function readRoute(line = ''): FoundRoute {
  const text = line.trim().replaceAll(VOLATILE, '');
  let read: unknown;
  try {
    read = parseIpJson(line);
  } catch {
    return { text, devices: [] };
  }
  const [found] = z.array(route).safeParse(read).data ?? [];
  if (found === undefined) return { text, devices: [] };
  const hops = [found, ...(found.nexthops ?? [])];
  const devices = hops.flatMap(({ dev }) => (dev === undefined ? [] : [interfaceNameIn(dev)]));
  const gateway = hops.map(({ gateway, via }) => gateway ?? via?.host).find((host) => host !== undefined);
  return {
    text,
    devices,
    ...(gateway === undefined ? {} : { gateway }),
    ...(found.prefsrc === undefined ? {} : { preferredSource: found.prefsrc }),
  };
}

/** How long a route of a router advertisement still holds, which changes with each look. */
const VOLATILE = /,?"expires":\d+| expires \d+sec/g;
