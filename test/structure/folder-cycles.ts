import { dirname } from 'node:path';
import type { Source } from './sources.ts';

/** That files of one folder import files of another, types included. */
export interface FolderImport {
  readonly from: string;
  readonly to: string;
  /** Each as `file -> file`. */
  readonly imports: readonly string[];
}

/** Folders that need one another, as a ring: each imports the next, the last imports the first. */
export interface FolderCycle {
  readonly folders: readonly string[];
  /** The part of the ring with the fewest imports: probably the one to end. */
  readonly weakest: FolderImport;
}

/**
 * The folder cycles of these files. A folder and a folder inside it are two like any others: one may import the other, and then not
 * the reverse. Of cycles that share a part, the shortest counts first, and the others only if its weakest part is not in them.
 */
export function folderCycles(sources: readonly Source[]): FolderCycle[] {
  const graph = folderImports(sources);
  const cycles: FolderCycle[] = [];
  for (;;) {
    const cycle = shortestCycle(graph);
    if (cycle === undefined) return cycles;
    cycles.push(cycle);
    graph.get(cycle.weakest.from)!.delete(cycle.weakest.to);
  }
}

/** A cycle for people: its folders, and the imports to end. */
export function describeCycle({ folders, weakest }: FolderCycle): string {
  const imports = weakest.imports.map((each) => `\n    ${each}`).join('');
  return `${[...folders, folders[0]].join(' -> ')}\n  weakest part: ${weakest.from} -> ${weakest.to}${imports}`;
}

type Graph = Map<string, Map<string, FolderImport>>;

function folderImports(sources: readonly Source[]): Graph {
  const graph: Graph = new Map();
  for (const { path, imports } of sources) {
    const from = dirname(path);
    const others = graph.get(from) ?? new Map<string, FolderImport>();
    graph.set(from, others);
    for (const target of imports) {
      const to = dirname(target);
      if (to === from) continue;
      const known = others.get(to)?.imports ?? [];
      others.set(to, { from, to, imports: [...known, `${path} -> ${target}`] });
    }
  }
  return graph;
}

function shortestCycle(graph: Graph): FolderCycle | undefined {
  let shortest: readonly string[] | undefined;
  for (const start of graph.keys()) {
    const folders = wayBack(graph, start);
    if (folders !== undefined && (shortest === undefined || folders.length < shortest.length))
      shortest = folders;
  }
  if (shortest === undefined) return undefined;
  const ring = shortest.map((from, i) => graph.get(from)!.get(shortest[(i + 1) % shortest.length]!)!);
  const weakest = ring.reduce((least, each) => (each.imports.length < least.imports.length ? each : least));
  return { folders: shortest, weakest };
}

/** The folders of a shortest way from `start` back to itself. */
function wayBack(graph: Graph, start: string): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const folder of queue) {
    for (const next of graph.get(folder)?.keys() ?? []) {
      if (next === start) {
        const way = [folder];
        while (way[0] !== start) way.unshift(cameFrom.get(way[0]!)!);
        return way;
      }
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, folder);
      queue.push(next);
    }
  }
  return undefined;
}
