import { median } from '../../lab/statistics.ts';
import type { PacketRateRecord } from './loopback.ts';

/** The medians of each contender and size. */
export function medianRates(rates: readonly PacketRateRecord[]): {
  contender: string;
  bytes: number;
  perSecond: number | undefined;
  cpuMicroseconds: number | undefined;
}[] {
  const keys = [...new Map(rates.map((rate) => [`${rate.contender} ${rate.bytes}`, rate])).values()];
  return keys.map(({ contender, bytes }) => {
    const same = rates.filter((rate) => rate.contender === contender && rate.bytes === bytes);
    const middle = (figure: 'perSecond' | 'cpuMicroseconds') => {
      const values = same.flatMap((rate) => rate[figure] ?? []);
      return values.length > 0 ? median(values) : undefined;
    };
    return { contender, bytes, perSecond: middle('perSecond'), cpuMicroseconds: middle('cpuMicroseconds') };
  });
}
