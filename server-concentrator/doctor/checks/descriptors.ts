import { ok, skipped, warning } from '../../../shared/runtime/doctor/finding.ts';
import { descriptorLimit } from '../../../shared/runtime/kernel/descriptors.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';

/** A household with some clients has hundreds of connections, each with a descriptor or two. */
const FEW = 4_096;

/** How many file descriptors a program may have here; a service has the limit of its unit. */
export const descriptorsCheck: ConcentratorCheck = {
  name: 'descriptors',
  run() {
    const limit = descriptorLimit();
    if (limit === undefined) return skipped('this system does not tell');
    const figures = { limit: { value: limit, unit: '1' as const } };
    if (limit >= FEW)
      return ok(
        `up to ${limit} for a program that is started here; a service has those of its unit`,
        figures,
      );
    return warning(
      `${limit} at most for a program that is started here`,
      ['ulimit -n 65536   # before it is started; in a service: LimitNOFILE=262144'],
      figures,
    );
  },
};
