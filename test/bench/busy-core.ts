import type { Bed } from '../bed/bed.ts';
import { NETWORKS, type Scenario } from './scenarios.ts';

/** Whether the other work stays on one core, or goes where the kernel puts it. */
export type Burden = 'pinned' | 'free';

const BURDENS: readonly Burden[] = ['pinned', 'free'];
const BUSY_LOOP = ['sh', '-c', 'while :; do :; done'] as const;

/** Every network of several links on a machine one core of which does other work. */
export const BUSY_CORE: readonly Scenario[] = NETWORKS.filter(({ uplinks }) => uplinks.length > 1).flatMap(
  ({ id, title, uplinks }) =>
    BURDENS.map((burden) => ({
      id: `C1/${id}/${burden}`,
      title: `${title}: a busy loop takes a core${burden === 'pinned' ? ', always the same' : ''}`,
      ...{ uplinks, burden, workloads: ['bulk-down', 'bulk-up'] as const },
    })),
);

/** Starts the other work. It ends with the bed. */
export function startBurden(bed: Bed, burden: Burden): void {
  const [command, ...args] = burden === 'pinned' ? ['taskset', '-c', '0', ...BUSY_LOOP] : BUSY_LOOP;
  bed.client.spawn(command, args, { stdio: 'ignore' });
}
