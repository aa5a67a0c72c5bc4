// Keeping one connection up: connect, wait until it is lost, falls silent or is
// out of date, connect again. A new one stands beside the old one where that may
// still work, so that nothing is missed if it does.
import { Backoff, sleep } from "../net/backoff";
import { Trouble, asTrouble } from "../net/errors";
import type { Link } from "../net/whip";
import type { Pulse } from "./pulse";

const settled = 10; // s after which a connection's loss counts as the first

export interface Keeper {
  connect(signal: AbortSignal): Promise<Link>;
  /** link is up. `before` works still, until `gone`, and is closed when this is done. */
  up(link: Link, before: Link | null, gone: Promise<void>): void | Promise<void>;
  /** Nothing works; the next try is in so many seconds. */
  down(why: Trouble, retryIn: number): void;
  /** Feels whether something comes by link, until signal aborts. */
  pulse?(link: Link, signal: AbortSignal): Pulse;
  /** Where a session takes one such connection only: one in doubt is closed before another is tried. */
  alone?: boolean;
}

interface Held {
  link: Link;
  pulse?: Pulse;
  lost: boolean;
  drop(): void;
}

export class Keep {
  private held: Held | null = null;
  private wanted = 0;
  private wake: () => void = () => undefined;

  constructor(private readonly k: Keeper, private readonly backoff = new Backoff()) {}

  /** Connects anew, unless that was done under this fence or a later one. */
  renew(fence: number): void {
    if (fence <= this.wanted) return;
    this.wanted = fence;
    this.wake();
  }

  /** Works until signal aborts; throws what trying again cannot mend. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.drop();
    signal.addEventListener("abort", stop);
    try {
      while (!signal.aborted) {
        const failed = await this.connect(signal);
        if (signal.aborted) return;
        if (failed && !this.works) this.k.down(failed.why, failed.wait);
        if (failed) await this.pause(failed.wait, signal);
        if (failed && (!this.works || this.behind)) continue;
        if (failed) void this.k.up(this.held!.link, null, this.gone()); // it came back before another was there
        await this.trouble(signal);
      }
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
    }
  }

  private get works(): boolean {
    return !!this.held && !this.held.lost && (this.held.pulse?.beats ?? true);
  }

  /** Another node has the session. */
  private get behind(): boolean {
    return !!this.held && this.held.link.fence < this.wanted;
  }

  private drop(): void {
    this.held?.drop();
    this.held = null;
  }

  /** Puts a new connection in the place of the old one, or tells why there is none. */
  private async connect(signal: AbortSignal): Promise<{ why: Trouble; wait: number } | null> {
    let next: Held | null = null;
    try {
      next = this.hold(await this.k.connect(signal));
      await this.k.up(next.link, this.works ? this.held!.link : null, this.gone());
      signal.throwIfAborted();
      this.drop();
      this.held = next;
      return null;
    } catch (e) {
      next?.drop();
      const why = asTrouble(e);
      if (signal.aborted) return { why, wait: 0 };
      if (!why.passes || why.kind === "session-gone") throw why;
      return { why, wait: this.backoff.next(why.wait) };
    }
  }

  /** Settles when what there is works no more. */
  private gone(): Promise<void> {
    if (!this.held) return Promise.resolve();
    const { link, pulse } = this.held;
    return pulse ? Promise.race([link.lost, pulse.stopped()]) : link.lost;
  }

  private hold(link: Link): Held {
    const over = new AbortController();
    const held: Held = {
      link, lost: false, pulse: this.k.pulse?.(link, over.signal),
      drop: () => {
        over.abort(new DOMException("dropped", "AbortError"));
        link.close();
      },
    };
    void link.lost.then(() => (held.lost = true));
    return held;
  }

  /** Waits until the connection is no longer as it should be; returns when another should be tried. */
  private async trouble(signal: AbortSignal): Promise<void> {
    const began = performance.now();
    const moves = new Promise<void>((resolve) => {
      this.wake = () => {
        if (this.behind) resolve();
      };
      this.wake();
    });
    await Promise.race([this.gone(), moves]);
    if (signal.aborted || this.works) return; // it moves, and works meanwhile
    if (performance.now() - began > settled * 1000) this.backoff.reset();
    if (this.k.alone || this.held?.lost) this.drop();
    const wait = this.backoff.soon();
    this.k.down(new Trouble("interrupted"), wait);
    await this.pause(wait, signal);
  }

  /** Waits; not longer than until another node is known to have the session. */
  private async pause(s: number, signal: AbortSignal): Promise<void> {
    const known = new Promise<void>((resolve) => (this.wake = resolve));
    await Promise.race([sleep(s, signal).catch(() => undefined), known]);
  }
}
