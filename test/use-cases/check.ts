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
