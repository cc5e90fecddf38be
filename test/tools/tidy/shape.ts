import ts from 'typescript';
import { linesOf, placeOf, type Source, walk } from './sources.ts';

const MAX_FILE_LINES = 400;
const MAX_FUNCTION_LINES = 70;
const MAX_MEMBERS = 20;

/** Something over a bound. `key` names it without its line, so that a list of exceptions survives edits. */
export interface Finding {
  readonly key: string;
  readonly message: string;
}

/** Files, functions and classes that are too large. */
export function tooLarge(source: Source): readonly Finding[] {
  const found: Finding[] = [];
  const lines = source.text.split('\n').length - 1;
  if (lines > MAX_FILE_LINES) found.push({ key: source.path, message: `${source.path} has ${lines} lines (at most ${MAX_FILE_LINES})` });
  walk(source.tree, (node) => {
    const name = `${source.path}#${nameOf(node)}`;
    if (isFunction(node) && !isContainer(node) && linesOf(source, node) > MAX_FUNCTION_LINES) {
      found.push({
        key: name,
        message: `${placeOf(source, node)} ${nameOf(node)} has ${linesOf(source, node)} lines (at most ${MAX_FUNCTION_LINES})`,
      });
    }
    if (ts.isClassDeclaration(node) && node.members.filter(isMember).length > MAX_MEMBERS) {
      found.push({
        key: name,
        message: `${placeOf(source, node)} ${nameOf(node)} has ${node.members.filter(isMember).length} members (at most ${MAX_MEMBERS})`,
      });
    }
  });
  return found;
}

/** Exported functions and classes without a docstring. */
export function undocumented(source: Source): readonly Finding[] {
  const found: Finding[] = [];
  for (const statement of source.tree.statements) {
    if (!ts.isFunctionDeclaration(statement) && !ts.isClassDeclaration(statement)) continue;
    const isExported = statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
    if (!isExported || ts.getJSDocCommentsAndTags(statement).length > 0 || isOverloaded(source, statement)) continue;
    found.push({
      key: `${source.path}#${nameOf(statement)}`,
      message: `${placeOf(source, statement)} ${nameOf(statement)} has no docstring`,
    });
  }
  return found;
}

/** Later signatures of an overloaded function, and a class whose module header says what it is (it is the only export beside types). */
function isOverloaded({ tree }: Source, statement: ts.FunctionDeclaration | ts.ClassDeclaration): boolean {
  const isFirst =
    tree.statements.find((other) => ts.isFunctionDeclaration(other) && other.name?.text === statement.name?.text) === statement;
  if (ts.isFunctionDeclaration(statement)) return !isFirst;
  return tree.statements.some((other) => ts.getJSDocCommentsAndTags(other).some((doc) => /Invariants?:/.test(doc.getText(tree))));
}

function isFunction(node: ts.Node): boolean {
  return (
    ts.isFunctionDeclaration(node) ||
    ts.isFunctionExpression(node) ||
    ts.isArrowFunction(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isConstructorDeclaration(node)
  );
}

/** The body of a `describe` holds tests; it is no function that anyone reads as one. */
function isContainer({ parent }: ts.Node): boolean {
  return ts.isCallExpression(parent) && parent.expression.getText().startsWith('describe');
}

/** What a reader of a class must know of: methods and accessors, and fields that are not private. */
function isMember(member: ts.ClassElement): boolean {
  const isPrivateField = ts.isPropertyDeclaration(member) && ts.isPrivateIdentifier(member.name);
  return !isPrivateField && !ts.isConstructorDeclaration(member);
}

function nameOf(node: ts.Node): string {
  const own = (node as { readonly name?: ts.Node }).name ?? (node.parent as { readonly name?: ts.Node } | undefined)?.name;
  if (own !== undefined) return own.getText();
  const { parent } = node;
  if (ts.isCallExpression(parent)) return `(argument of ${parent.expression.getText().slice(0, 40)})`;
  return ts.isConstructorDeclaration(node) ? 'constructor' : '(function)';
}
