import { ratioChart } from '../../lab/chart/ratio-chart.ts';
import { byPair, type ComparedFigure, type Verdict, verdict } from './compared-figure.ts';

const COLOURS: Readonly<Record<Verdict, string>> = {
  better: '#1f6feb',
  worse: '#d9822b',
  undecided: '#6e7781',
};

/** A picture of the ratios of each two contestants, by name. */
export function comparisonPictures(figures: readonly ComparedFigure[]): Map<string, string> {
  return new Map(
    byPair(figures).map(([pair, of], index) => [
      `comparison-${index + 1}`,
      ratioChart({
        title: pair,
        subtitle: 'ratio; in all pairs: blue better, orange worse',
        rows: of.map((compared) => ({
          label: `${compared.where}, ${compared.figure}`,
          colour: COLOURS[verdict(compared)],
          ...compared.ratio,
        })),
      }),
    ]),
  );
}
