// One value that components watch.
import { useEffect, useState } from "preact/hooks";

export class Store<T extends object> {
  private readonly watchers = new Set<(v: T) => void>();

  constructor(private value: T) {}

  get(): T {
    return this.value;
  }

  set(change: Partial<T>): void {
    this.value = { ...this.value, ...change };
    for (const w of this.watchers) w(this.value);
  }

  subscribe(w: (v: T) => void): () => void {
    this.watchers.add(w);
    return () => void this.watchers.delete(w);
  }
}

export function useStore<T extends object>(store: Store<T>): T {
  const [value, set] = useState(store.get());
  useEffect(() => {
    set(store.get());
    return store.subscribe(set);
  }, [store]);
  return value;
}
