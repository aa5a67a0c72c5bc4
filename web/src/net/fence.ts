// The fence of a session in a cluster: a number that rises when another node
// takes the session over. What comes with a lower one than was seen is out of date.
import { Trouble } from "./errors";

export class Fence {
  private highest = 0; // 0 outside of a cluster

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
    if (before > 0 && f > before) this.risen(f);
    return f;
  }
}
