#!/usr/bin/env node
// Stands in for curl where a test executes commands of the docs: asks the node at DOCS_URL instead of localhost:8080, and notes in DOCS_ANSWERS, a line of
// JSON each, what was answered (with -s, what was asked for is used by a script, and not noted). Knows the flags that the docs use and no others.
import { appendFileSync } from 'node:fs';

const { DOCS_URL = '', DOCS_ANSWERS = '' } = process.env;
let method = 'GET';
let url = '';
let body;
let isNoted = true;
const headers = {};
const left = process.argv.slice(2);
for (let arg = left.shift(); arg !== undefined; arg = left.shift()) {
  if (arg === '-s') isNoted = false;
  else if (arg === '-X') method = left.shift();
  else if (arg === '-d' || arg === '--data-binary') body = left.shift();
  else if (arg === '-H') addHeader(left.shift());
  else if (arg.startsWith('-')) throw new Error(`the docs use curl ${arg}, which no test knows`);
  else url = arg.replace(/^localhost:8080/, DOCS_URL);
}
const response = await fetch(url, { method, headers, body });
const text = await response.text();
if (isNoted) appendFileSync(DOCS_ANSWERS, `${JSON.stringify({ status: response.status, text })}\n`);
process.stdout.write(text);

function addHeader(line) {
  const [name, value] = line.split(': ');
  headers[name] = value;
}
