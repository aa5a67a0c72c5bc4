// The fence of a session in a cluster: a number that rises when another node
// takes the session over. What comes with a lower one than was seen is out of date.
import { Trouble } from "./errors";

export class Fence {
  private highest = 0; // 0 outside of a cluster
  private readonly waiting = new Set<() => void>();

  /** Is told of each fence that is higher than those before it, the first apart. */
  risen: (to: number) => void = () => undefined;

  get now(): number {
    return this.highest;
  }

  /** Notes a fence, and returns the one that what bears it stands under: the highest, where it bears none. */
  see(fence: unknown): number {
    const f = Number(fence);
    if (!Number.isSafeInteger(f) || f <= 0) return this.highest;
    if (f < this.highest) throw new Trouble("stale", `${f} after ${this.highest}`);
    const before = this.highest;
    this.highest = f;
    if (before > 0 && f > before) {
      this.risen(f);
      for (const look of [...this.waiting]) look();
    }
    return f;
  }

  /** Waits for what is done under fence f, and fails at once when a higher one is known. */
  holds<T>(f: number, done: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.highest > f) reject(new Trouble("interrupted"));
      };
      this.waiting.add(look);
      look();
      done.then(resolve, reject).finally(() => this.waiting.delete(look));
    });
  }
}
