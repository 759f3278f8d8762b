/** `nobody` of every Linux, and its group. */
export const NOBODY = 65_534;

export const IS_ROOT = process.getuid?.() === 0;

/** Does work with the rights of another user, for whom root's files are not there to read. Root alone can. */
export async function asUser<T>(id: number, work: () => Promise<T>): Promise<T> {
  const groups = process.getgroups!();
  process.setgroups!([]);
  process.setegid!(id);
  process.seteuid!(id);
  try {
    return await work();
  } finally {
    process.seteuid!(0);
    process.setegid!(0);
    process.setgroups!(groups);
  }
}
