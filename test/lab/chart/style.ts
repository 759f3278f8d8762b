/** What all pictures look like. Sizes in pixels. */

/** Wider than a phone by a third: scaled down to that, texts can still be read. */
export const WIDTH = 480;
export const MARGIN = 12;
/** Pictures have one of their own, since pages may be dark or light. */
export const BACKGROUND = 'white';
export const RULE = '#d0d7de';
export const MARK = '#cf222e';
export const TEXT = { color: '#1f2328', fontFamily: 'sans-serif', fontSize: 14, lineHeight: 20 };
export const TITLE = { ...TEXT, fontSize: 16, lineHeight: 22, fontWeight: 'bold' as const };
/** Characters are at most as wide on average. */
export const CHARACTER = { text: 8, title: 10 };
/** Of the figures beside an axis. */
export const AXIS_HEIGHT = 24;

/** An axis of values. */
export const VALUES = {
  type: 'value',
  axisLabel: { ...TEXT, hideOverlap: true },
  axisLine: { show: false },
  splitLine: { lineStyle: { color: RULE } },
} as const;
