import { markdownTable } from '../../lab/grid.ts';
import { byPair, type ComparedFigure, verdict } from './compared-figure.ts';

const DIGITS = 3;

/** A table in Markdown for each two contestants; empty where nothing was compared. */
export function comparisonText(figures: readonly ComparedFigure[]): string {
  return byPair(figures)
    .map(([title, of]) => `${title}\n\n${table(of)}`)
    .join('\n\n');
}

function table(figures: readonly ComparedFigure[]): string {
  const { one, other } = figures[0]!;
  const head = ['where', 'figure', 'better', one, other, 'ratio', 'spread', 'pairs', 'in all pairs'];
  const rows = figures.map((compared) => {
    const { where, figure, isMoreBetter, oneMedian, otherMedian, ratio } = compared;
    const said = verdict(compared);
    return [
      ...[where, figure, isMoreBetter ? 'more' : 'less'],
      ...[oneMedian, otherMedian].map((value) => String(Number(value.toPrecision(DIGITS)))),
      ratio.median.toFixed(DIGITS),
      `${ratio.min.toFixed(DIGITS)} to ${ratio.max.toFixed(DIGITS)}`,
      String(ratio.pairs),
      said === 'undecided' ? '' : said,
    ];
  });
  return markdownTable([head, ...rows]);
}
