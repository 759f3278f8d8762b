import type uPlot from 'uplot';

/** The library is a plain script, since as a module it is three times as large. */
export const Plot = (globalThis as unknown as { readonly uPlot: typeof uPlot }).uPlot;

/** What a chart takes from the style sheet, of which a canvas knows nothing. */
interface Theme {
  /** By the name of a custom property. */
  readonly colour: (name: string) => string;
  readonly axis: uPlot.Axis;
}

export function themeOf(place: HTMLElement): Theme {
  const style = getComputedStyle(place);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--quiet'),
    grid: { stroke: colour('--grid'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return { colour, axis };
}

/** Each on top of those after it: what is drawn first is highest, and the next covers its lower part. */
export function stacked(rates: readonly (readonly (number | null)[])[]): (number | null)[][] {
  const stacks: (number | null)[][] = [];
  for (const list of [...rates].reverse()) {
    const below = stacks[0];
    stacks.unshift(list.map((rate, at) => (rate === null ? null : rate + (below?.[at] ?? 0))));
  }
  return stacks;
}
