/** What `isNamePattern` accepts, in words. */
export const NAME_PATTERN_FORMAT =
  'a name of a network interface or a pattern, for example "wwan*" or "eth?" (1 to 32 characters)';

/** A name in which `*` stands for any characters and `?` for one. */
export function isNamePattern(text: string): boolean {
  return /^[^\t\n\v\f\r /:]{1,32}$/.test(text);
}

/** Whether the whole name matches. */
export function matchesPattern(name: string, pattern: string): boolean {
  // Character by character, with one place to go back to: a regular expression of many stars can take for ever.
  let [at, next] = [0, 0];
  let [starAt, starNext] = [-1, 0];
  while (next < name.length) {
    if (pattern[at] === '*') {
      [starAt, starNext] = [at++, next];
    } else if (pattern[at] === '?' || pattern[at] === name[next]) {
      at++;
      next++;
    } else if (starAt >= 0) {
      at = starAt + 1;
      next = ++starNext;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
