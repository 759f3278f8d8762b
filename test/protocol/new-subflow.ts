import type { Now } from '../../shared/protocol/now.ts';
import { DEFAULT_TUNING } from '../../shared/protocol/session/core-tuning.ts';
import type { SessionSubflow } from '../../shared/protocol/session/sent-item.ts';
import { DeliveryRateController } from '../../shared/protocol/subflow/delivery-rate-controller.ts';
import { Subflow, type SubflowOptions } from '../../shared/protocol/subflow/subflow.ts';
import { Uplink } from '../../shared/protocol/uplink/uplink.ts';

/** An uplink by itself, with the default tuning. */
export function newUplink(name: string, now: Now): Uplink {
  return new Uplink(name, now, DEFAULT_TUNING);
}

/** A subflow of an uplink, as a session makes it. */
export function newSubflow(
  options: Partial<SubflowOptions> & { readonly id: number },
  uplink: Uplink,
  now: Now,
): SessionSubflow {
  const subflow: SessionSubflow = new Subflow(
    { isBackup: false, ...options },
    uplink,
    now,
    DEFAULT_TUNING,
    (...context) => new DeliveryRateController(...context),
  );
  uplink.add(subflow);
  return subflow;
}
