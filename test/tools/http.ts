/** An answer over HTTP, decoded. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The decoded JSON body; text if it is none. */
  readonly body: unknown;
}

export interface HttpRequest {
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `POST` with a JSON body. Rejects when the connection is lost before the whole answer was read. */
export async function post(url: string, body: unknown, { key, headers = {} }: HttpRequest = {}): Promise<HttpAnswer> {
  const all = { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }), ...headers };
  return answerOf(await fetch(url, { method: 'POST', headers: all, body: typeof body === 'string' ? body : JSON.stringify(body) }));
}

/** `GET`. */
export async function get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
  return answerOf(await fetch(url, { headers }));
}

/** A field of a decoded body, undefined if there is none. */
export function field(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** One decoded event of a history. */
export interface HistoryEvent {
  readonly revision: number;
  readonly type: string;
  readonly data: unknown;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly time: number;
}

/** The whole history of an entity, page by page; empty if it has none. Throws for any other answer. */
export async function wholeHistory(url: string, type: string, id: string): Promise<readonly HistoryEvent[]> {
  const all: HistoryEvent[] = [];
  for (let from: number | null = 0; from !== null; ) {
    const answer: HttpAnswer = await get(`${url}/v1/entities/${type}/${encodeURIComponent(id)}/history?from=${from}&limit=1000`);
    if (answer.status === 404) return [];
    if (answer.status !== 200) throw new Error(`history of ${type}/${id}: ${answer.status} ${JSON.stringify(answer.body)}`);
    const page = answer.body as { readonly events: readonly HistoryEvent[]; readonly next: number | null };
    all.push(...page.events);
    from = page.next;
  }
  return all;
}

async function answerOf(response: Response): Promise<HttpAnswer> {
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: decoded(text) };
}

function decoded(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // NDJSON, metrics, HTML
  }
}
