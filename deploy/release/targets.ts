/** A machine that a bundle is for. */
export interface Target {
  readonly name: TargetName;
  /** As npm and Node.js call its processor. */
  readonly cpu: 'x64' | 'arm64';
  /** Its C library. */
  readonly libc: 'glibc' | 'musl';
  /** The checksum of the package with Node.js for it. Undefined: there is none, and the machine must have Node.js. */
  readonly nodeIntegrity?: string;
}

/** Those of a release. */
export const TARGET_NAMES = ['linux-x64', 'linux-arm64'] as const;
/** For OpenWrt and Alpine. */
export const MUSL_TARGET_NAMES = ['linux-x64-musl', 'linux-arm64-musl'] as const;
export type TargetName = (typeof TARGET_NAMES)[number] | (typeof MUSL_TARGET_NAMES)[number];

/** The version of Node.js in the bundles: of the line with long-term support. */
export const NODE_VERSION = '24.22.3';

/**
 * The packages come from the npm registry, so that one source and one way to check it serve all that is in a bundle. It has no Node.js for
 * musl.
 */
export const TARGETS: readonly Target[] = [
  {
    name: 'linux-x64',
    cpu: 'x64',
    libc: 'glibc',
    nodeIntegrity:
      'sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
  },
  {
    name: 'linux-arm64',
    cpu: 'arm64',
    libc: 'glibc',
    nodeIntegrity:
      'sha512-IZx0J52/1NDwAsY2iyWR9nlPIYuYviTWetjj8+ElvYQh2+XRhLfCfkbFEF/2O5vGI2hcUbyPNHV+nz342FbJXw==',
  },
  { name: 'linux-x64-musl', cpu: 'x64', libc: 'musl' },
  { name: 'linux-arm64-musl', cpu: 'arm64', libc: 'musl' },
];
