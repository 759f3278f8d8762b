import type { Uplink } from './network.ts';
import type { World } from './world.ts';

/** What befalls an uplink. @returns what ends it */
export type Fault = (world: World, uplink: Uplink) => () => void;

/** Packets vanish in both directions; nobody is told. */
export const blackHole: Fault = ({ clock }, uplink) => {
  uplink.pause('vanish');
  return () => uplink.resume('vanish', clock.nowMs);
};

/** The interface is gone: the client's connections end, and the concentrator hears nothing. */
export const interfaceGone: Fault = (_, uplink) => {
  uplink.isUp = false;
  for (const connection of uplink.connections) connection.sever({ client: 5, concentrator: undefined });
  return () => {
    uplink.isUp = true;
  };
};

export const COLLAPSED_BYTES_PER_SECOND = 125_000;
const COLLAPSED_DELAY_MS = 200;

/** It falls to 1 Mbit/s and 400 ms more, and so does what it queues. */
export const collapse: Fault = ({ clock }, uplink) => {
  const { up, down } = uplink.links;
  const before = { up: { ...up.shape }, down: { ...down.shape } };
  const collapsed = ({ rateBytesPerSecond, delayMs, queueBytes }: typeof before.up) => ({
    rateBytesPerSecond: COLLAPSED_BYTES_PER_SECOND,
    delayMs: delayMs + COLLAPSED_DELAY_MS,
    queueBytes: (queueBytes * COLLAPSED_BYTES_PER_SECOND) / rateBytesPerSecond,
  });
  uplink.change({ up: collapsed(before.up), down: collapsed(before.down) }, clock.nowMs);
  return () => uplink.change(before, clock.nowMs);
};

/** It swallows everything for `pauseMs` of every `periodMs`, from `fromMs` on. */
export function flapping(pauseMs: number, periodMs: number, fromMs = 0): Fault {
  return ({ clock }, uplink) => {
    let isOver = false;
    let isPaused = false;
    const resume = () => {
      if (isPaused) uplink.resume('vanish', clock.nowMs);
      isPaused = false;
    };
    const begin = () => {
      if (isOver) return;
      uplink.pause('vanish');
      isPaused = true;
      clock.after(pauseMs, resume);
      clock.after(periodMs, begin);
    };
    clock.after(fromMs, begin);
    return () => {
      isOver = true;
      resume();
    };
  };
}
