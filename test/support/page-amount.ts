const SCALES: Readonly<Record<string, number>> = { k: 1e3, M: 1e6, G: 1e9 };

/** A quantity as the pages write it, such as `15.4 Mbit/s`, in its unit without `k`, `M`, `G`. */
export function amountOf(text: string): number {
  const [number = '', unit = ''] = text.split(' ');
  return Number(number) * (unit.length > 1 ? (SCALES[unit[0]!] ?? 1) : 1);
}
