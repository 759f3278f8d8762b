import { isSameHost } from '../../../shared/runtime/address/ip-address.ts';
import {
  askRoutes,
  type FoundRoute,
  type RouteAnswer,
  type RouteQuestion,
  routeOf,
} from '../route-questions.ts';
import type { Path } from './path.ts';
import { addressesOf, isNear } from './path-devices.ts';

/** What the kernel says of the routes of a path. */
export interface PathRoutes {
  /** The source address of its packets. */
  readonly source: string;
  /** For sockets that are bound as the uplink's will be; the error of a plain look-up where there is none. */
  readonly way: RouteAnswer;
  /** By source address alone: where reverse path filtering expects what comes for it. */
  readonly back: RouteAnswer;
}

/** More addresses of one interface are not asked about. */
const MAX_SOURCES = 4;

/** Undefined where there is no iproute2 that tells. */
export async function readPathRoutes(path: Path): Promise<PathRoutes | undefined> {
  const { remote: target, binding, family, own, kernel, bindsByInterface } = path;
  const sources =
    binding.kind === 'address' ? [binding.address] : addressesOf(own, family).slice(0, MAX_SOURCES);
  const over = { name: own.name, index: own.index };
  const plain: RouteQuestion = { target, over };
  const bound = sources.map((source): RouteQuestion => ({ target, over, source }));
  const free = sources.map((source): RouteQuestion => ({ target, source }));
  const answers = await askRoutes(kernel.runIp, [plain, ...bound, ...free]);
  if (answers === undefined) return undefined;
  const routed = (questions: readonly RouteQuestion[]) =>
    questions.findIndex((question) => routeOf(answers.get(question)) !== undefined);
  const routesAt = (at: number, way: RouteQuestion): PathRoutes => {
    return { source: sources[at]!, way: answers.get(way)!, back: answers.get(free[at]!)! };
  };
  if (binding.kind === 'address') {
    const leavesHere = routeOf(answers.get(free[0]!))?.devices.includes(own.name);
    return routesAt(0, leavesHere || !bindsByInterface ? free[0]! : bound[0]!);
  }
  const found = routeOf(answers.get(plain));
  if (found !== undefined) {
    const at = chosenSource(found, sources, path);
    // Packets have the source address, and a rule may refuse that.
    return routesAt(at, routeOf(answers.get(bound[at]!)) === undefined ? bound[at]! : plain);
  }
  // A rule may want a source address, which the socket is bound to then.
  const at = routed(bound);
  return at >= 0 ? routesAt(at, bound[at]!) : routesAt(0, plain);
}

/** The index of the address that the kernel takes: the route's own, else one in the network of the gateway. */
function chosenSource(
  { preferredSource, gateway }: FoundRoute,
  sources: readonly string[],
  { own }: Path,
): number {
  const named = sources.findIndex((source) => isSameHost(source, preferredSource ?? ''));
  if (named >= 0) return named;
  const near = own.networks.find((network) => isNear(gateway ?? '', network));
  return Math.max(0, near === undefined ? 0 : sources.indexOf(near.address));
}
