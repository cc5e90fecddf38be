/** Puts another method in the place of one of a class; what it returns puts the old one back. */
export function replaced<T extends object, K extends keyof T>(prototype: T, name: K, make: (original: T[K]) => T[K]): () => void {
  const original = prototype[name];
  prototype[name] = make(original);
  return () => {
    prototype[name] = original;
  };
}

/** Likewise for something that is read. */
export function answering<T extends object, K extends keyof T>(prototype: T, name: K, get: (this: T) => T[K]): () => void {
  const original = Object.getOwnPropertyDescriptor(prototype, name);
  if (original === undefined) throw new Error(`there is no '${String(name)}' to be answered otherwise`);
  Object.defineProperty(prototype, name, { ...original, get });
  return () => void Object.defineProperty(prototype, name, original);
}
