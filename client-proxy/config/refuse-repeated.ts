import type * as z from 'zod';

/** Adds an issue for each entry whose name stands above it. */
export function refuseRepeated(
  entries: readonly { readonly name: string }[],
  context: z.core.$RefinementCtx,
  base: (string | number)[],
  message: string,
): void {
  const seen = new Set<string>();
  for (const [index, { name }] of entries.entries()) {
    if (seen.has(name)) context.addIssue({ code: 'custom', path: [...base, index, 'name'], message });
    seen.add(name);
  }
}
