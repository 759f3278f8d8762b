import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast';
import {
  isClassDeclaration,
  isGetAccessorDeclaration,
  isIdentifier,
  isMethodDeclaration,
  isPropertyDeclaration,
  isSetAccessorDeclaration,
} from 'typescript/unstable/ast/is';
import { API, type Project } from 'typescript/unstable/sync';
import { isProduction } from './sources.ts';

/** A member of a class that no production code outside of the class uses. */
export interface UncalledMember {
  /** As `file Class.member`. */
  readonly name: string;
  /** Who uses it instead. */
  readonly usedBy: 'nobody' | 'its own class' | 'tests';
}

/**
 * Those of production code, `#private` ones aside, which the compiler checks. What an interface declares is used where the
 * interface is, for a class that says that it implements it; what overrides is used where its base class is. Knip finds exports without a user but does not look into classes;
 * TypeScript's language service knows every reference.
 *
 * @param folder with the tsconfig.json of the project
 */
export function uncalledMembers(folder: string): UncalledMember[] {
  const api = new API({ cwd: folder });
  try {
    return PROJECTS.filter(({ config }) => existsSync(join(folder, config))).flatMap((one) =>
      uncalledOf(api, folder, one),
    );
  } finally {
    api.close();
  }
}

/** What runs in browsers is a project of its own. */
const isBrowser = (path: string) => /^shared\/page-browser\/|\/page\/browser\//.test(path);
const PROJECTS = [
  { config: 'tsconfig.json', isOwn: (path: string) => !isBrowser(path) },
  { config: 'shared/page-browser/tsconfig.json', isOwn: isBrowser },
] as const;

function uncalledOf(
  api: API,
  folder: string,
  { config: file, isOwn }: (typeof PROJECTS)[number],
): UncalledMember[] {
  const config = join(folder, file);
  const snapshot = api.updateSnapshot({ openProjects: [config] });
  const project = snapshot.getProject(config);
  if (project === undefined) throw new Error(`${config} is no project`);
  const files = project.program.getSourceFileNames().filter((name) => {
    const path = relative(folder, name);
    return isProduction(path) && isOwn(path);
  });
  const uncalled = files.flatMap((name) => uncalledIn(project, folder, project.program.getSourceFile(name)!));
  snapshot.dispose();
  return uncalled;
}

function uncalledIn(project: Project, folder: string, file: SourceFile): UncalledMember[] {
  const uncalled: UncalledMember[] = [];
  const visit = (node: Node): void => {
    if (isClassDeclaration(node)) {
      for (const member of node.members) {
        const name = openNameOf(member);
        if (name === undefined) continue;
        const usedBy = userOf(project, folder, node, name);
        const shown = `${relative(folder, file.fileName)} ${node.name?.text}.${name.getText(file)}`;
        if (usedBy !== 'others') uncalled.push({ name: shown, usedBy });
      }
    }
    node.forEachChild(visit);
  };
  file.forEachChild(visit);
  return uncalled;
}

/** The name of a member that others can see. */
function openNameOf(member: Node): Node | undefined {
  const isNamed =
    isMethodDeclaration(member) ||
    isPropertyDeclaration(member) ||
    isGetAccessorDeclaration(member) ||
    isSetAccessorDeclaration(member);
  // A base class calls it; Node's, if it is none of ours.
  const isOverride = isNamed && member.modifiers?.some(({ kind }) => kind === SyntaxKind.OverrideKeyword);
  return isNamed && !isOverride && isIdentifier(member.name) ? member.name : undefined;
}

function userOf(
  project: Project,
  folder: string,
  owner: Node,
  name: Node,
): UncalledMember['usedBy'] | 'others' {
  const symbols = project.checker.getReferencedSymbolsForNode(name, name.getStart());
  const uses = symbols
    .flatMap(({ references }) => references.map((handle) => handle.resolve(project)))
    .filter((node) => node !== undefined && !isDeclaration(node));
  const isTest = (node: Node) => !isProduction(relative(folder, node.getSourceFile().fileName));
  const outside = uses.filter((node) => !isTest(node!) && !isWithin(node!, owner));
  if (outside.length > 0) return 'others';
  if (uses.some((node) => isWithin(node!, owner) && !isFirstValue(node!))) return 'its own class';
  return uses.some((node) => isTest(node!)) ? 'tests' : 'nobody';
}

/** Where a member is said to be there, or a value is given for it: no use. */
function isDeclaration(node: Node): boolean {
  return DECLARATIONS.has(node.parent.kind) && (node.parent as { readonly name?: Node }).name === node;
}

const DECLARATIONS: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.MethodDeclaration,
  SyntaxKind.PropertyDeclaration,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
  SyntaxKind.MethodSignature,
  SyntaxKind.PropertySignature,
  SyntaxKind.PropertyAssignment,
  SyntaxKind.ShorthandPropertyAssignment,
]);

/** `this.member = value`. */
function isFirstValue(node: Node): boolean {
  const assignment = node.parent.parent as Node & { readonly left?: Node; readonly operatorToken?: Node };
  return assignment.left === node.parent && assignment.operatorToken?.kind === SyntaxKind.EqualsToken;
}

function isWithin(node: Node, owner: Node): boolean {
  const isSameFile = node.getSourceFile().fileName === owner.getSourceFile().fileName;
  return isSameFile && node.pos >= owner.pos && node.end <= owner.end;
}
