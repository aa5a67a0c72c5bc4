// Where a session is. In a cluster it moves from node to node, and its
// connections follow: those who watch first, then those who can wait for them.
import { sleep } from "../net/backoff";
import { Fence } from "../net/fence";

export interface Follower {
  renew(fence: number): void;
}

const patience = 14; // s that the others wait for who goes first
const untold = 15; // s beyond D, after a fence has risen, in which a node should say that it is ready

export class Place {
  readonly first = new Set<Follower>();
  readonly then = new Set<Follower>();

  /** @param delay D in seconds */
  constructor(private readonly signal: AbortSignal, delay: number, readonly fence = new Fence()) {
    fence.risen = (to) => this.later(untold + delay, () => this.moved(to));
  }

  /** A node is ready for who connects anew; the one before goes on for a while. Old news is passed over. */
  moved(fence: number): void {
    if (fence < this.fence.now) return;
    this.fence.see(fence);
    for (const f of this.first) f.renew(fence);
    this.later(patience, () => this.arrived(fence));
  }

  /** Somebody is connected under this fence. */
  arrived(fence: number): void {
    for (const f of [...this.first, ...this.then]) f.renew(fence);
  }

  private later(s: number, act: () => void): void {
    sleep(s, this.signal).then(act, () => undefined);
  }
}
