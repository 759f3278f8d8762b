export const REGRESSIONS: readonly { readonly found: string; readonly seeds: readonly number[] }[] = [
  { found: 'x', seeds: [1] },
];
