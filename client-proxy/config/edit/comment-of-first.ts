import { isNode, type YAMLSeq } from 'yaml';

/** A comment above the first entry of a list is one of the whole list to the library: it is to stay with the entry. */
export function commentOfFirst(list: YAMLSeq): void {
  const [first] = list.items;
  if (!isNode(first) || !list.commentBefore) return;
  first.commentBefore ??= list.commentBefore;
  list.commentBefore = null;
}
