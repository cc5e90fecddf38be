/** What the demo draws with: plain text, and ANSI where there is a terminal. */
export interface Screen {
  heading(text: string): void;
  line(text?: string): void;
  /** Draws how far something is; drawn again in place on a terminal, a line per quarter elsewhere. */
  progress(label: string, done: number, total: number): void;
  /** Columns behind the first are aligned to the right, as numbers are; `text` aligns all to the left. */
  table(rows: readonly (readonly string[])[], align?: 'text'): void;
}

const WIDTH = 40;

/** A screen over a stream such as `process.stdout`. */
export function screenOn(out: NodeJS.WriteStream): Screen {
  const ansi = (code: string, text: string) => (out.isTTY ? `\x1b[${code}m${text}\x1b[0m` : text);
  let quarter = -1;
  let isWhole = false;
  const line = (text = '') => void out.write(`${text}\n`);
  return {
    line,
    heading: (text) => {
      quarter = -1;
      isWhole = false;
      line();
      line(ansi('1;36', text));
    },
    progress: (label, done, total) => {
      if (isWhole) return;
      const part = Math.min(1, done / total);
      isWhole = part === 1;
      const filled = Math.round(part * WIDTH);
      const text = `  ${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${String(Math.floor(part * 100)).padStart(3)} %  ${label}`;
      if (out.isTTY) out.write(`\r\x1b[2K${text}${isWhole ? '\n' : ''}`);
      else if (Math.floor(part * 4) > quarter) {
        quarter = Math.floor(part * 4);
        line(text);
      }
    },
    table: (rows, align) => {
      const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
      for (const row of rows)
        line(
          `  ${row.map((cell, n) => (n === 0 || align === 'text' ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0))).join('   ')}`,
        );
    },
  };
}
