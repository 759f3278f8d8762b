/**
 * The keys of a document, as paths, that a check of it never looks at: those that its schema does not know. The schemas of Kubernetes
 * let unknown keys pass, and so would a misspelt one. Throws what the check throws.
 */
export function unreadKeys<T extends object>(document: T, check: (watched: T) => void): readonly string[] {
  const read = new Set<string>();
  check(watch(document, '', read) as T);
  return keysOf(document, '').filter((path) => !read.has(path));
}

function watch(value: unknown, path: string, read: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      const inner: unknown = Reflect.get(target, key);
      if (typeof key === 'symbol') return inner;
      read.add(`${path}/${key}`);
      return watch(inner, `${path}/${key}`, read);
    },
  });
}

function keysOf(value: unknown, path: string): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    `${path}/${key}`,
    ...keysOf(inner, `${path}/${key}`),
  ]);
}
