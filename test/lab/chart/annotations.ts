import type { CustomSeriesOption } from 'echarts/charts';
import { BACKGROUND, CHARACTER, MARK, TEXT, WIDTH } from './style.ts';

/** Where the plot is in the picture. */
export interface Plot {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  x(value: number): number;
}

/** An element as custom series take it. */
export type Shape = {
  readonly type: 'text' | 'rect' | 'line' | 'circle';
  readonly style: object;
  readonly shape?: object;
};

/** Where something happened on the axis to the right. */
export interface Mark {
  readonly x: number;
  readonly label?: string;
}

/** Shapes at places of the plot, in front of it. */
export function annotations(shapes: (plot: Plot) => readonly Shape[]): CustomSeriesOption {
  return {
    ...{ type: 'custom', silent: true, z: 10, data: [[0, 0]] },
    renderItem(params, api) {
      const { x, y, width, height } = params.coordSys as unknown as Readonly<
        Record<'x' | 'y' | 'width' | 'height', number>
      >;
      const plot: Plot = {
        ...{ left: x, right: x + width, top: y, bottom: y + height },
        x: (value) => api.coord([value, 0])[0] ?? Number.NaN,
      };
      // The library's type of an element is a union that a list of them does not fit.
      return { type: 'group', children: shapes(plot) } as ReturnType<
        NonNullable<CustomSeriesOption['renderItem']>
      >;
    },
  };
}

/** Lines down through the plot. Labels stand above it, each in a line of its own, so that no two meet. */
export function markShapes(marks: readonly Mark[], plot: Plot, labelsTop: number): Shape[] {
  const lines: Shape[] = [];
  const labels: Shape[] = [];
  for (const { x, label } of marks) {
    const at = plot.x(x);
    const top = label === undefined ? plot.top : labelsTop + labels.length * TEXT.lineHeight;
    const shape = { x1: at, x2: at, y1: top, y2: plot.bottom };
    lines.push({ type: 'line', shape, style: { stroke: MARK, lineDash: [4, 3] } });
    if (label === undefined) continue;
    const hasRoom = at + label.length * CHARACTER.text < WIDTH;
    labels.push(words(label, hasRoom ? at + 2 : at - 2, top, hasRoom ? 'left' : 'right'));
  }
  // Where a line passes a label that is right of its own, it goes behind it.
  return [...lines, ...labels];
}

/** A text that covers what is behind it. */
export function words(content: string, x: number, y: number, align: 'left' | 'right'): Shape {
  const { color: fill, fontFamily, fontSize } = TEXT;
  // Left to itself, the library takes characters to be narrower than some fonts have them.
  const width = content.length * CHARACTER.text;
  const place = { x, y, align, width, padding: 2, backgroundColor: BACKGROUND };
  return { type: 'text', style: { ...place, text: content, fill, fontFamily, fontSize } };
}
