/** Sets a value, as the most recent one, in a map that keeps `most` of them: the least recent one beyond is forgotten. */
export function keepRecent<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return;
  for (const leastRecent of map.keys()) {
    map.delete(leastRecent);
    return;
  }
}
