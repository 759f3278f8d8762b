import {
  type BarSeriesOption,
  BarChart as Bars,
  CustomChart as Custom,
  type CustomSeriesOption,
  type LineSeriesOption,
  LineChart as Lines,
} from 'echarts/charts';
import {
  GridComponent,
  type GridComponentOption,
  LegendComponent,
  type LegendComponentOption,
  TitleComponent,
  type TitleComponentOption,
} from 'echarts/components';
import { type ComposeOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

import { AXIS_HEIGHT, BACKGROUND, CHARACTER, MARGIN, TEXT, TITLE, WIDTH } from './style.ts';

/** What stands above a picture. */
export interface Titles {
  readonly title: string;
  /** What is drawn, with its unit. */
  readonly subtitle: string;
}

/** A plot as the library takes it. */
export type Option = ComposeOption<
  | BarSeriesOption
  | LineSeriesOption
  | CustomSeriesOption
  | GridComponentOption
  | LegendComponentOption
  | TitleComponentOption
>;

/** What a picture has around its plot. */
export interface Frame extends Titles {
  readonly legend: readonly string[];
  readonly plotHeight: number;
  /** Room above the plot, for annotations. */
  readonly above?: number;
  /** Room to the right of the plot, for labels that reach beyond it. */
  readonly right?: number;
}

use([Bars, Custom, Lines, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** What lets a page react to the mouse; it also has numbers that depend on what was drawn before. */
const FOR_BROWSERS = / (ecmeta_\w+|class)="[^"]*"|<style[\s\S]*?<\/style>\n?/g;

/** Draws a plot with its titles and legend above it, as SVG. */
export function picture(frame: Frame, plot: Option): string {
  const { legend, subtitle, plotHeight, above = 0, right = MARGIN + TEXT.fontSize } = frame;
  const title = wrapped(frame.title);
  const legendTop = 2 * MARGIN + title.length * TITLE.lineHeight + TEXT.lineHeight;
  const top = legendTop + legend.length * TEXT.lineHeight + above + MARGIN;
  const height = plotHeight + AXIS_HEIGHT;
  const hasName = 'xAxis' in plot && 'name' in (plot.xAxis as object);
  const size = { width: WIDTH, height: top + height + (hasName ? AXIS_HEIGHT : 0) + MARGIN };
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...size });
  try {
    chart.setOption({
      ...{ animation: false, backgroundColor: BACKGROUND },
      title: {
        ...{ text: title.join('\n'), subtext: subtitle, textStyle: TITLE, subtextStyle: TEXT },
        ...{ left: MARGIN, top: MARGIN, padding: 0, itemGap: 2 },
      },
      legend: {
        ...{ data: [...legend], orient: 'vertical', icon: 'rect', textStyle: TEXT },
        ...{ left: MARGIN, top: legendTop, padding: 0, itemGap: 0, itemWidth: 14 },
      },
      grid: { left: MARGIN, right, top, height, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
      ...plot,
    } satisfies Option);
    const svg = chart.renderToSVGString().replace(FOR_BROWSERS, '');
    // What screen readers say.
    return `${svg.replace('>', () => `>\n<title>${escaped(frame.title)}</title>`)}\n`;
  } finally {
    chart.dispose();
  }
}

/** Lines that fit into the picture. */
function wrapped(title: string): string[] {
  const lines: string[] = [];
  for (const word of title.split(' ')) {
    const longer = `${lines.at(-1) ?? ''} ${word}`.trim();
    if (lines.length > 0 && longer.length * CHARACTER.title < WIDTH - MARGIN)
      lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
