import ts from 'typescript';
import type { Finding } from './shape.ts';
import { placeOf, type Source, walk } from './sources.ts';

/** A call that has no place in some folders. */
interface Ban {
  readonly call: string;
  readonly instead: string;
  readonly folders: RegExp;
  /** Files whose business it is. */
  readonly but?: RegExp;
}

const INJECTED = /^runtime\/(core|ports|host|projection|http|adapters)\//;
const BANS: readonly Ban[] = [
  { call: 'Date.now', instead: 'the clock that was passed in', folders: INJECTED, but: /real-clock\.ts$|host\/guard\.ts$/ },
  { call: 'new Date', instead: 'the clock that was passed in', folders: /^runtime\/(core|ports|host|projection)\// },
  { call: 'Math.random', instead: 'the entropy that was passed in', folders: INJECTED, but: /host\/guard\.ts$/ },
  { call: 'setTimeout', instead: 'clock.after', folders: INJECTED, but: /real-clock\.ts$|adapters\/embedded\// },
  { call: 'setInterval', instead: 'clock.after, again', folders: /^runtime\//, but: /real-clock\.ts$/ },
  { call: 'setImmediate', instead: 'clock.soon', folders: INJECTED, but: /^runtime\/adapters\// },
  { call: 'process.exit', instead: 'an error that the command reports', folders: /^runtime\//, but: /cli\/main\.ts$/ },
  ...['log', 'error', 'warn', 'info', 'debug'].map((name) => ({
    call: `console.${name}`,
    instead: 'the log that was passed in',
    folders: /^(runtime|entities|projections)\//,
  })),
  ...['Date.now', 'new Date', 'Math.random', 'setTimeout', 'fetch'].map((call) => ({
    call,
    instead: 'what the turn offers',
    folders: /^(entities|projections)\//,
  })),
  { call: 'setTimeout', instead: 'an event that can be awaited', folders: /^test\/(unit|contract|simulation)\// },
];

/** Calls that are banned where they stand. */
export function bannedCalls(source: Source): readonly Finding[] {
  const bans = BANS.filter(({ folders, but }) => folders.test(source.path) && but?.test(source.path) !== true);
  const found: Finding[] = [];
  if (bans.length === 0) return found;
  walk(source.tree, (node) => {
    const call = calledBy(node);
    const ban = bans.find((one) => one.call === call);
    if (ban !== undefined)
      found.push({ key: `${source.path}#${ban.call}`, message: `${placeOf(source, node)} calls ${ban.call}: use ${ban.instead}` });
  });
  return found;
}

function calledBy(node: ts.Node): string | undefined {
  if (ts.isCallExpression(node)) return node.expression.getText();
  if (ts.isNewExpression(node) && (node.arguments?.length ?? 0) === 0) return `new ${node.expression.getText()}`;
  return undefined;
}

/** `any`, `as unknown as`, and comments that silence the compiler. */
export function looseTypes(source: Source): readonly Finding[] {
  const found: Finding[] = [];
  const note = (node: ts.Node, what: string) =>
    found.push({ key: `${source.path}#${what}`, message: `${placeOf(source, node)} has ${what}` });
  walk(source.tree, (node) => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) note(node, 'any');
    const isDouble =
      ts.isAsExpression(node) && ts.isAsExpression(node.expression) && node.expression.type.kind === ts.SyntaxKind.UnknownKeyword;
    if (isDouble) note(node, 'as unknown as');
  });
  for (const silenced of ['@ts-ignore', '@ts-nocheck'])
    if (commentsOf(source).some((text) => text.includes(silenced))) note(source.tree, silenced);
  return found;
}

const LEFT_OVER = /\b(TODO|FIXME|XXX|HACK)\b/;

/** Comments that put something off. */
export function leftOvers(source: Source): readonly Finding[] {
  const found = commentsOf(source).filter((text) => LEFT_OVER.test(text));
  return found.map((text) => ({ key: `${source.path}#left over`, message: `${source.path}: ${text.trim().slice(0, 120)}` }));
}

const SUITES = ['test', 'it', 'describe', 'suite'];
const TWISTS = ['skip', 'only', 'todo', 'fails', 'skipIf', 'runIf'];

/** Tests that do not run, run alone, or run again until they pass. */
export function twistedTests(source: Source): readonly Finding[] {
  const found: Finding[] = [];
  walk(source.tree, (node) => {
    const isTwist =
      ts.isPropertyAccessExpression(node) &&
      SUITES.includes(node.expression.getText().split('.')[0] ?? '') &&
      TWISTS.includes(node.name.text);
    if (isTwist || (isRetry(node) && SUITES.includes(callee(node)))) {
      found.push({ key: `${source.path}#twist`, message: `${placeOf(source, node)} ${node.getText().slice(0, 60)}` });
    }
  });
  return found;
}

function isRetry(node: ts.Node): boolean {
  return ts.isPropertyAssignment(node) && node.name.getText() === 'retry' && node.initializer.getText() !== '0';
}

/** What is called with the object that a property stands in. */
function callee({ parent }: ts.Node): string {
  return ts.isCallExpression(parent.parent) ? (parent.parent.expression.getText().split('.')[0] ?? '') : '';
}

function commentsOf({ text, tree }: Source): readonly string[] {
  const found: string[] = [];
  const scan = (node: ts.Node) => {
    for (const { pos, end } of ts.getLeadingCommentRanges(text, node.pos) ?? []) found.push(text.slice(pos, end));
    for (const { pos, end } of ts.getTrailingCommentRanges(text, node.end) ?? []) found.push(text.slice(pos, end));
  };
  walk(tree, scan);
  scan(tree.endOfFileToken);
  return found;
}
