import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One answer: status, body (text as it is, else JSON) and headers; or the connection is destroyed. */
export type ScriptedAnswer = 'destroy' | readonly [status: number, body: unknown, headers?: Readonly<Record<string, string>>];

export interface Scripted {
  readonly url: string;
  readonly requests: { readonly url: string; readonly headers: IncomingHttpHeaders; readonly body: string }[];
  /** Resolves once a request was answered. */
  asked(): Promise<void>;
  close(): Promise<void>;
}

/** A server that gives these answers one after another, the last one again and again. */
export async function scripted(answers: readonly ScriptedAnswer[]): Promise<Scripted> {
  const requests: Scripted['requests'] = [];
  let wake: () => void = () => {};
  const first = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const server = createServer((req, res) => {
    let body = '';
    req.setEncoding('utf8');
    req.on('data', (chunk: string) => {
      body += chunk;
    });
    req.on('end', () => {
      const answer = answers[Math.min(requests.length, answers.length - 1)] ?? 'destroy';
      requests.push({ url: req.url ?? '', headers: req.headers, body });
      if (answer === 'destroy') req.socket.destroy();
      else {
        const [status, value, headers = {}] = answer;
        res.writeHead(status, headers);
        res.end(typeof value === 'string' ? value : JSON.stringify(value), wake);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    asked: () => first,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
