/** What an application sends in one direction, at an even pace. */
export interface Stream {
  readonly bytes: number;
  readonly gapUs: number;
}

/** What an application sends and is sent. */
export interface Traffic {
  readonly name: string;
  readonly up: Stream;
  readonly down: Stream;
}

/** Questions and answers of a size, one after the other. */
export interface Questions {
  readonly count: number;
  readonly gapMs: number;
  readonly bytes: number;
}

/** Says that the application is still there, and asks for the other direction. */
const KEEP: Stream = { bytes: 40, gapUs: 250_000 };
/** Opus in RTP: 50 a second. */
const OPUS: Stream = { bytes: 160, gapUs: 20_000 };
/** 20 Mbit/s of payload. */
const HIGH_RATE: Stream = { bytes: 1_200, gapUs: 480 };

export const VOICE: Traffic = { name: 'voice', up: OPUS, down: OPUS };
export const GAME: Traffic = {
  name: 'game',
  up: { bytes: 100, gapUs: 10_000 },
  down: { bytes: 200, gapUs: 10_000 },
};
/** 1 Mbit/s there, 3 Mbit/s back. */
export const VIDEO_CALL: Traffic = {
  name: 'video-call',
  up: { bytes: 1_000, gapUs: 8_000 },
  down: { bytes: 1_100, gapUs: 2_933 },
};
export const VIDEO_DOWN: Traffic = { name: 'video-down', up: KEEP, down: HIGH_RATE };
export const VIDEO_UP: Traffic = { name: 'video-up', up: HIGH_RATE, down: KEEP };

/** As a resolver asks. */
export const LOOKUPS: Questions = { count: 60, gapMs: 30, bytes: 60 };
