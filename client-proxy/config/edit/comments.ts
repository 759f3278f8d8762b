import { isNode, isScalar, type Node, type Pair, visit, type YAMLMap, type YAMLSeq } from 'yaml';

/** A comment above the first entry of a list is one of the whole list to the library: it is to stay with the entry. */
export function commentOfFirst(list: YAMLSeq): void {
  const [first] = list.items;
  if (!isNode(first) || !list.commentBefore) return;
  first.commentBefore ??= list.commentBefore;
  list.commentBefore = null;
}

/** Takes a key out of a map; where a comment stands at it, the key stays too, with this value. */
export function dropOrSet(map: YAMLMap, key: string, value: boolean): void {
  const pair = map.items.find((one) => isScalar(one.key) && one.key.value === key);
  if (pair === undefined) return;
  if (commentsOf(pair).length > 0) map.set(key, value);
  else map.delete(key);
}

/** All comments at a node or a pair, and in it. */
export function commentsOf(of: Node | Pair): readonly string[] {
  const comments: string[] = [];
  visit(of as Node, {
    Node: (_, { commentBefore, comment }) => {
      comments.push(...[commentBefore, comment].filter((text) => typeof text === 'string'));
    },
  });
  return comments;
}

/** Has comments stand above a node, below those that stand there. */
export function addComments(node: Node, comments: readonly string[]): void {
  const all = [...(node.commentBefore ? [node.commentBefore] : []), ...comments];
  if (all.length > 0) node.commentBefore = all.join('\n');
}
