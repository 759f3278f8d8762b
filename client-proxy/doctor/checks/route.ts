import { failed, ok, skipped } from '../../../shared/runtime/doctor/finding.ts';
import { interfaceOf } from '../own-interface.ts';
import type { UplinkCheck } from '../uplink-check.ts';

export const routeCheck: UplinkCheck = {
  name: 'route',
  needs: ['interface', 'address'],
  run({ uplink, view }) {
    const own = interfaceOf(uplink, view);
    if (own === undefined) return undefined;
    if (own.routes === undefined) return skipped('no iproute2 here to ask');
    return own.routes.length === 0
      ? failed('no route towards the concentrator', [
          `ip route add default via GATEWAY dev ${own.name} metric 500`,
        ])
      : ok(`IPv${own.routes.join(' and IPv')}`);
  },
};
