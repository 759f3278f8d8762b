import { type Class, type Node, type PropertyKey, Visitor } from 'oxc-parser';
import { lineOf, type Source } from './sources.ts';

/** Something that may be too large, and how large it is. */
export interface Size {
  /** The file, and for a part of it what it is called. */
  readonly name: string;
  readonly size: number;
}

/** Lines of each file. */
export function fileLines(sources: readonly Source[]): Size[] {
  return sources.map(({ path, text }) => ({ name: path, size: lineOf(text, text.length) - 1 }));
}

/** Lines of each function, from its first to its last, what is nested in it included. */
export function functionLines(sources: readonly Source[]): Size[] {
  return sources.flatMap(({ path, text, program }) => {
    const sizes: Size[] = [];
    const add = ({ start, end }: Node, name: string) =>
      sizes.push({ name: `${path} ${name}`, size: lineOf(text, end) - lineOf(text, start) + 1 });
    const line = ({ start }: Node) => `line ${lineOf(text, start)}`;
    new Visitor({
      FunctionDeclaration: (node) => void add(node, node.id?.name ?? line(node)),
      FunctionExpression: (node) => void add(node, line(node)),
      ArrowFunctionExpression: (node) => void add(node, line(node)),
      VariableDeclarator(node) {
        const { init, id } = node;
        if (init?.type === 'ArrowFunctionExpression' && id.type === 'Identifier') add(init, id.name);
      },
      MethodDefinition: (node) => void add(node, nameOf(node.key)),
    }).visit(program);
    return sizes;
  });
}

/**
 * Members of each class: fields, accessors and methods, private and static ones included, and parameter properties of the
 * constructor. A getter and its setter are one; the constructor is none.
 */
export function classMembers(sources: readonly Source[]): Size[] {
  return sources.flatMap((source) =>
    classesOf(source).map((each) => ({
      name: `${source.path} ${each.id?.name ?? ''}`,
      size: membersOf(each),
    })),
  );
}

/** Fields of classes that are collections with texts for keys, each as `file Class.field`. */
export function collectionsByText(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    classesOf(source).flatMap(({ id, body }) =>
      body.body.flatMap((member) => {
        const isCollection =
          member.type === 'PropertyDefinition' && isKeyedByText(source.text.slice(member.start, member.end));
        return isCollection ? [`${source.path} ${id?.name ?? ''}.${nameOf(member.key)}`] : [];
      }),
    ),
  );
}

function isKeyedByText(field: string): boolean {
  return /\b(Readonly)?(Map|Set|Record)<string\b/.test(field);
}

function classesOf({ program }: Source): Class[] {
  const classes: Class[] = [];
  new Visitor({
    ClassDeclaration: (node) => void classes.push(node),
    ClassExpression: (node) => void classes.push(node),
  }).visit(program);
  return classes;
}

function membersOf({ body }: Class): number {
  const names = new Set<string>();
  for (const member of body.body) {
    if (member.type === 'PropertyDefinition') names.add(`${member.static} ${nameOf(member.key)}`);
    if (member.type !== 'MethodDefinition') continue;
    if (member.kind === 'constructor') {
      for (const parameter of member.value.params) {
        if (parameter.type === 'TSParameterProperty') names.add(`parameter ${parameter.start}`);
      }
    } else {
      names.add(`${member.static} ${nameOf(member.key)}`);
    }
  }
  return names.size;
}

function nameOf(key: PropertyKey): string {
  if (key.type === 'PrivateIdentifier') return `#${key.name}`;
  return key.type === 'Identifier' ? key.name : `[${key.start}]`;
}
