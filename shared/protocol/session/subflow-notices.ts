import type { RemoteSubflowState } from '../codec/frame.ts';
import { type ControlItem, controlItem } from '../control/control-item.ts';
import type { ControlQueue } from '../control/control-queue.ts';
import type { Subflow } from '../subflow/subflow.ts';

/** What the peer is told of subflows (SPEC.md section 7, SUBFLOW_STATE and PRIORITY). */
export class SubflowNotices {
  readonly #control: ControlQueue;

  constructor(control: ControlQueue) {
    this.#control = control;
  }

  /** With no subflow left the next one to come takes it: the peer may not notice by itself. */
  tellState(subflowId: number, state: RemoteSubflowState): void {
    this.#control.push(controlItem({ type: 'subflowState', subflowId, state }));
  }

  /** @returns the notice, receipted once the peer knows */
  tellPriority({ id: subflowId, duty }: Subflow, backup: boolean): ControlItem {
    const generation = duty.toldGeneration;
    const isCurrent = () => generation === duty.toldGeneration;
    const item = controlItem({ type: 'priority', subflowId, backup, generation }, 2, isCurrent);
    this.#control.push(item);
    return item;
  }
}
