/** https://semver.org, without what may stand behind a "+". */
const VERSION = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?$/;

export function isVersion(text: string): boolean {
  return VERSION.test(text);
}

/**
 * Whether a version comes after another, in the order of semver.org, section 11, which is that of packages of Debian, too, where "~" stands for
 * the first "-". Both must be versions.
 */
export function isLaterVersion(next: string, now: string): boolean {
  const [one, other] = [next, now].map((text) => VERSION.exec(text)!) as [RegExpExecArray, RegExpExecArray];
  for (const part of [1, 2, 3]) {
    const step = Number(one[part]) - Number(other[part]);
    if (step !== 0) return step > 0;
  }
  const [suffix, otherSuffix] = [one[4], other[4]];
  // Of two versions with the same numbers, the one without a suffix is the later one.
  if (suffix === undefined || otherSuffix === undefined)
    return suffix === undefined && otherSuffix !== undefined;
  return isLaterSuffix(suffix.split('.'), otherSuffix.split('.'));
}

function isLaterSuffix(next: readonly string[], now: readonly string[]): boolean {
  for (const [index, one] of next.entries()) {
    const other = now[index];
    if (other === undefined) return true;
    if (one === other) continue;
    const [isNumber, isOtherNumber] = [one, other].map((text) => /^\d+$/.test(text));
    if (isNumber && isOtherNumber) return Number(one) > Number(other);
    if (isNumber || isOtherNumber) return !isNumber;
    return one > other;
  }
  return false;
}
