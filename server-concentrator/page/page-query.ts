/** What rows can be sorted by. */
export const SORT_KEYS = ['client', 'down', 'up', 'used', 'streams', 'uplinks', 'since'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** Which clients a page wants to see, and what it has of the history already. */
export interface PageQuery {
  readonly afterMs: number;
  readonly sort: SortKey;
  readonly isDescending: boolean;
  /** In lower case; empty for all. */
  readonly filter: string;
}

const MAX_FILTER_CHARACTERS = 64;

/** Anything that is not known is as if it were not there. */
export function parsePageQuery(query: URLSearchParams): PageQuery {
  const afterMs = Number(query.get('after'));
  const sort = SORT_KEYS.find((key) => key === query.get('sort')) ?? 'down';
  return {
    afterMs: Number.isFinite(afterMs) ? afterMs : 0,
    sort,
    isDescending: query.get('order') !== 'ascending',
    filter: (query.get('filter') ?? '').slice(0, MAX_FILTER_CHARACTERS).trim().toLowerCase(),
  };
}
