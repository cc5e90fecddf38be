import type { Ledger, Message, Request } from './ledger.ts';

/**
 * Customers of a shop and of a bank, as a seeded stream of requests: the same seed makes the same requests in the same order.
 */
export interface WorkloadOptions {
  readonly seed: number;
  readonly carts: number;
  readonly accounts: number;
  readonly skus: number;
}

const GOODS = ['tea', 'coffee', 'honey', 'bread', 'cheese', 'apples', 'salt', 'soap', 'paper', 'candles', 'rice', 'oil'] as const;
const OWNERS = ['Ada', 'Bela', 'Chidi', 'Dara', 'Emil', 'Fatma', 'Goro', 'Hana'] as const;

export class Workload {
  readonly #options: WorkloadOptions;
  readonly #random: () => number;
  #made = 0;

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.#random = mulberry32(options.seed);
  }

  /** The requests that come before all others: accounts are opened, stock is received. */
  opening(): readonly Request[] {
    const { accounts, skus } = this.#options;
    const opened = Array.from({ length: accounts }, (_, n) =>
      one('update', this.#account(n, 'open', { owner: OWNERS[n % OWNERS.length] })),
    );
    const stocked = Array.from({ length: skus }, (_, n) =>
      one('update', this.#message('inventory', sku(n), 'receive', { quantity: 1_000 })),
    );
    return [...opened, ...stocked];
  }

  /** The next request. */
  next(): Request {
    const dice = this.#random();
    if (dice < 0.3) return one('signal', this.#addItem());
    if (dice < 0.4) return { shape: 'batch', messages: Array.from({ length: 2 + this.#upTo(19) }, () => this.#shopping()) };
    if (dice < 0.45) return one('update', this.#message('cart', this.#cart(), 'checkOut', {}));
    if (dice < 0.65) return one('update', this.#booking('deposit'));
    if (dice < 0.75) return one('signal', this.#booking('deposit'));
    if (dice < 0.9) return one('update', this.#booking('withdraw'));
    if (dice < 0.95) return one('update', this.#reservation());
    return one('update', this.#message('inventory', sku(this.#upTo(this.#options.skus)), 'receive', { quantity: 1 + this.#upTo(50) }));
  }

  #shopping(): Message {
    return this.#random() < 0.7 ? this.#addItem() : this.#booking('deposit');
  }

  #addItem(): Message {
    const n = this.#upTo(this.#options.skus);
    return this.#message('cart', this.#cart(), 'addItem', { sku: sku(n), quantity: 1 + this.#upTo(5), unitPrice: 199 + 50 * n });
  }

  #booking(name: 'deposit' | 'withdraw'): Message {
    const amount = 100 * (1 + this.#upTo(200));
    return this.#account(this.#upTo(this.#options.accounts), name, { amount, reference: `booking ${this.#made + 1}` });
  }

  #reservation(): Message {
    const quantity = 1 + this.#upTo(8);
    return this.#message('inventory', sku(this.#upTo(this.#options.skus)), 'reserve', { orderId: `order-${this.#made + 1}`, quantity });
  }

  #account(n: number, name: string, payload: unknown): Message {
    return this.#message('account', `account-${n}`, name, payload);
  }

  /** Carts fill up and are checked out; new ones take their places as the stream goes on. */
  #cart(): string {
    const { carts } = this.#options;
    return `cart-${Math.floor(this.#made / 40) + this.#upTo(carts)}`;
  }

  #message(type: string, id: string, name: string, payload: unknown): Message {
    this.#made += 1;
    return { key: `${this.#options.seed}-${this.#made}`, type, id, name, payload };
  }

  #upTo(bound: number): number {
    return Math.floor(this.#random() * bound);
  }
}

/** Clients that send side by side until told to stop, or until the node is gone. */
export interface Clients {
  /** Resolves when every client has had its last answer, or knows that it gets none. */
  readonly done: Promise<void>;
  stop(): void;
}

/** Starts `count` clients: each repeats what is unsettled first, then takes what is next. A client whose request stays unsettled stops. */
export function startClients(url: string, ledger: Ledger, count: number, next: () => Request | undefined): Clients {
  let isOver = false;
  const client = async () => {
    while (!isOver) {
      const request = ledger.unsettled.shift() ?? next();
      if (request === undefined || !(await ledger.send(url, request))) return;
    }
  };
  const done = Promise.all(Array.from({ length: count }, client)).then(() => undefined);
  return {
    done,
    stop: () => {
      isOver = true;
    },
  };
}

function one(shape: 'update' | 'signal', message: Message): Request {
  return { shape, messages: [message] };
}

function sku(n: number): string {
  const name = GOODS[n % GOODS.length] ?? 'tea';
  return n < GOODS.length ? name : `${name}-${Math.floor(n / GOODS.length)}`;
}

/** Random numbers in [0, 1) from a seed (mulberry32, Tommy Ettinger, public domain). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
