/** Seeds that failed before the defect named beside them was mended. */
export const REGRESSIONS: readonly { readonly found: string; readonly seeds: readonly number[] }[] = [
  { found: 'DATA that overtook OPENED was handed on before the stream was open', seeds: [29, 60, 72, 80] },
  {
    found: 'a stream whose client had finished before the accept kept its window for ever',
    seeds: [1, 3, 4],
  },
  {
    found: 'the copy of a head-of-line segment reached below what was delivered, into memory given back',
    seeds: [7_852, 8_349, 10_893],
  },
  { found: 'a stream was refused since the client knew first that another had ended', seeds: [1_071, 1_178] },
  { found: 'a ping was due later than the deadline for it said, by a rounding', seeds: [2, 5, 6] },
  { found: 'a receipt that nothing could carry kept the deadline in the past', seeds: [12, 14, 15] },
  { found: 'a doubted subflow with something undelivered was never given up', seeds: [61, 427, 675] },
  {
    found: 'a stream without its uplinks failed later than the deadline for it said, by a rounding',
    seeds: [1_136],
  },
];
