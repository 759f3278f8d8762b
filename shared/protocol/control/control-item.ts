import { type ControlFrame, encodeControl } from '../codec/frame.ts';

/** A control frame that must arrive: queued again when its subflow dies, forgotten once receipted or out of date. */
export interface ControlItem {
  /** On how many subflows it travels; 2 for those that somebody waits for. */
  readonly copies: 1 | 2;
  isReceipted: boolean;
  isQueued: boolean;
  /** The bytes, or undefined when it no longer says anything new. */
  encode(): Uint8Array | undefined;
}

export function controlItem(
  frame: ControlFrame,
  copies: 1 | 2 = 2,
  isCurrent: () => boolean = () => true,
): ControlItem {
  let encoded: Uint8Array | undefined;
  return {
    copies,
    isReceipted: false,
    isQueued: false,
    encode() {
      if (!isCurrent()) return undefined;
      encoded ??= encodeControl(frame);
      return encoded;
    },
  };
}
