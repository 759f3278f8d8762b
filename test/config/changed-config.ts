/** The same with another value at every place; not of its type, for what only compares and hands over. */
export function changedConfig(config: object): object {
  const changed = Object.entries(config).map(([key, value]) => {
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isMap) return [key, { instead: value }];
    return [key, Object.keys(value).length > 0 ? changedConfig(value) : { some: 1 }];
  });
  return Object.fromEntries(changed);
}
