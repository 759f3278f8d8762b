import type { Transfer } from '../lab/agent/arrivals.ts';

/** A figure, and the bound it is held against, if any. */
export interface Check {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly bound?: { readonly is: 'at least' | 'at most' | 'exactly'; readonly value: number };
}

/** Met when the figure is not below the bound. */
export function atLeast(what: string, value: number, bound: number, unit = ''): Check {
  return { what, value, unit, bound: { is: 'at least', value: bound } };
}

/** Met when the figure is not above the bound. */
export function atMost(what: string, value: number, bound: number, unit = ''): Check {
  return { what, value, unit, bound: { is: 'at most', value: bound } };
}

/** Met when the figure is the bound. */
export function exactly(what: string, value: number, bound: number, unit = ''): Check {
  return { what, value, unit, bound: { is: 'exactly', value: bound } };
}

/** Met when all of these transfers were whole: not reset, not late, each byte the right one. */
export function noneBroken(what: string, ...transfers: readonly (Transfer | undefined)[]): Check {
  const broken = transfers.filter((one) => !one?.isExact || one.error !== undefined);
  return exactly(`${what} reset or with a wrong byte`, broken.length, 0);
}

/** Only shown. */
export function shown(what: string, value: number, unit = ''): Check {
  return { what, value, unit };
}

/** Whether it holds; NaN never does. */
export function isMet({ value, bound }: Check): boolean {
  if (!bound) return true;
  if (bound.is === 'at least') return value >= bound.value;
  if (bound.is === 'at most') return value <= bound.value;
  return value === bound.value;
}
