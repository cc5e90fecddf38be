import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/**
 * `@ts-expect-error` is content with any error on its line. Here the same file is compiled without the expectations: each marked line must
 * have exactly the errors that its mark names, and no other line may have any.
 */
const root = fileURLToPath(new URL('../../../', import.meta.url));
const file = `${root}test/types/negative.ts`;
const MARK = /@ts-expect-error((?: TS\d+)+) (.+)$/;

interface Expectation {
  /** 1-based line that must not compile. */
  readonly line: number;
  readonly codes: string;
  readonly mistake: string;
}

function expectations(source: string): readonly Expectation[] {
  return source.split('\n').flatMap((text, index) => {
    const mark = MARK.exec(text);
    return mark === null ? [] : [{ line: index + 2, codes: (mark[1] ?? '').trim(), mistake: mark[2] ?? '' }];
  });
}

/** Error codes by line of the file, compiled as the project compiles but for the text given here. */
function errorsByLine(source: string): ReadonlyMap<number, string> {
  const config = ts.getParsedCommandLineOfConfigFile(`${root}tsconfig.json`, {}, { ...ts.sys, onUnRecoverableConfigFileDiagnostic: fail });
  if (config === undefined) throw new Error('tsconfig.json cannot be read');
  const host = ts.createCompilerHost(config.options);
  const readSource = host.getSourceFile;
  host.getSourceFile = (name, options, ...rest) =>
    name === file ? ts.createSourceFile(name, source, options) : readSource(name, options, ...rest);
  const program = ts.createProgram([file], config.options, host);
  const compiled = program.getSourceFile(file);
  if (compiled === undefined) throw new Error(`${file} was not compiled`);
  const errors = new Map<number, string>();
  for (const { start = 0, code } of program.getSemanticDiagnostics(compiled)) {
    const line = ts.getLineAndCharacterOfPosition(compiled, start).line + 1;
    errors.set(line, [errors.get(line), `TS${code}`].filter(Boolean).join(' '));
  }
  return errors;
}

function fail(diagnostic: ts.Diagnostic): never {
  throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
}

const source = readFileSync(file, 'utf8');
const expected = expectations(source);
const errors = errorsByLine(source.replaceAll('@ts-expect-error', 'expected:'));

describe('T2: a mistake does not compile', () => {
  it('every expectation names its error codes', () => {
    expect(source.match(/@ts-expect-error/g)).toHaveLength(expected.length);
    expect(expected.length).toBeGreaterThan(40);
  });

  it.each(expected)('$mistake (line $line)', ({ line, codes }) => {
    expect(errors.get(line)).toBe(codes);
  });

  it('nothing else is wrong in the file', () => {
    const marked = new Set(expected.map(({ line }) => line));
    expect([...errors].filter(([line]) => !marked.has(line))).toEqual([]);
  });
});
