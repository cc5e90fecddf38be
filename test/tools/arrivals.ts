/** Things that come by name, each handed to one who waits for it, in the order in which they came. */
export class Arrivals<T> {
  readonly #queues = new Map<string, { readonly came: T[]; readonly waiting: ((one: T) => void)[]; count: number }>();

  came(name: string, one: T): void {
    const queue = this.#queue(name);
    queue.count += 1;
    const waiting = queue.waiting.shift();
    if (waiting === undefined) queue.came.push(one);
    else waiting(one);
  }

  next(name: string): Promise<T> {
    const { came, waiting } = this.#queue(name);
    const one = came.shift();
    return one === undefined ? new Promise((resolve) => void waiting.push(resolve)) : Promise.resolve(one);
  }

  /** How many have come. */
  count(name: string): number {
    return this.#queue(name).count;
  }

  #queue(name: string) {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const queue = { came: [], waiting: [], count: 0 };
    this.#queues.set(name, queue);
    return queue;
  }
}
