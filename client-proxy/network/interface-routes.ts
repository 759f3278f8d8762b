import type { Destination } from '../../shared/protocol/destination.ts';
import { familyOf, type NetworkInterface } from './network-view.ts';
import { type RouteAnswers, type RouteQuestion, routeOf } from './route-questions.ts';
import { ANYWHERE } from './route-targets.ts';

type Asked = Pick<NetworkInterface, 'name' | 'index' | 'addresses'>;

/** More addresses of one interface and family are not asked about. */
const MAX_SOURCES = 2;

/**
 * For each target whose family the interface has addresses of: the route over it, and for each of these addresses the route from
 * there, over it and without it.
 */
export function routeQuestions(one: Asked, targets: readonly Destination[]): RouteQuestion[] {
  const over = { name: one.name, index: one.index };
  const families = new Set(one.addresses.map(familyOf));
  const reachable = targets.filter(({ host }) => families.has(familyOf(host)));
  // Where there is no IPv4 a translator may lead to IPv4 addresses.
  const isTranslated = reachable.length === 0 && families.has(6);
  const asked = isTranslated
    ? targets.slice(0, 1).map(({ port }) => ({ host: ANYWHERE[6], port }))
    : reachable;
  return asked.flatMap((target) => {
    const own = one.addresses.filter((address) => familyOf(address) === familyOf(target.host));
    const bySource = own.slice(0, MAX_SOURCES).flatMap((source): RouteQuestion[] => [
      { target, over, source },
      { target, source },
    ]);
    return [{ target, over }, ...bySource];
  });
}

/** What the answers say of an interface. */
export function interfaceRoutes(
  { name, addresses }: Asked,
  questions: readonly RouteQuestion[],
  answers: RouteAnswers,
): Pick<NetworkInterface, 'routes' | 'routing'> {
  const found = questions.flatMap((question) => {
    const route = routeOf(answers.get(question));
    return route === undefined ? [] : [{ question, route }];
  });
  const over = found.filter(({ question }) => question.over?.name === name);
  const isFound = (family: 4 | 6, source?: string) =>
    over.some(({ question }) => familyOf(question.target.host) === family && question.source === source);
  const sources = ([4, 6] as const).flatMap((family) => {
    if (isFound(family)) return [];
    return addresses.find((address) => familyOf(address) === family && isFound(family, address)) ?? [];
  });
  const families = ([4, 6] as const).filter(
    (family) => isFound(family) || sources.some((source) => familyOf(source) === family),
  );
  const strays = addresses.filter((source) => {
    const own = found.filter(({ question }) => question.over === undefined && question.source === source);
    const leavesHere = own.some(({ route: { devices } }) => devices.length === 0 || devices.includes(name));
    return !leavesHere && isFound(familyOf(source), source);
  });
  const ways = [...new Set(over.map(({ route }) => route.text))];
  return { routes: families, routing: { sources, strays, ways } };
}
