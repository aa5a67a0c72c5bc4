// The event stream of a session that may move. Where its end is told the browser
// asks again by itself; a stream that a dead node leaves hanging gets another
// beside it, which takes over once it is open: nothing is missed between.
import * as api from "../net/api";
import { sleep } from "../net/backoff";
import { Trouble, asTrouble } from "../net/errors";
import { listen, type Listener } from "../net/events";
import type { Fence } from "../net/fence";
import type { Follower } from "./place";

const patience = 3; // s for the browser to come back by itself

export class Ears implements Follower {
  private readonly streams: AbortController[] = []; // the last is the newest
  private readonly mark = { id: "" };
  private wanted = 0;
  private opened = 0; // the fence when a stream was opened last

  constructor(private readonly url: string, private readonly to: Listener, private readonly fence: Fence, private readonly signal: AbortSignal) {
    this.wanted = fence.now;
    this.listen();
  }

  renew(fence: number): void {
    if (fence <= this.wanted) return;
    this.wanted = fence;
    const look = () => {
      if (this.opened < fence) this.listen();
    };
    sleep(patience, this.signal).then(look, () => undefined);
  }

  private listen(): void {
    const stream = new AbortController();
    this.streams.push(stream);
    const open = () => {
      this.opened = this.fence.now;
      const before = this.streams.splice(0, this.streams.indexOf(stream));
      for (const s of before) s.abort(new DOMException("another is open", "AbortError"));
    };
    void listen(this.url, { ...this.to, open }, AbortSignal.any([this.signal, stream.signal]), this.mark);
  }
}

const doubts = 5; // times that a session is asked for which its end was told of

/**
 * What the end of a stream means. A node that leaves ends its streams, and so
 * does one that has lost the session: null where it goes on elsewhere.
 * @param url of the session
 */
export async function ended(reason: string, url: string, fence: Fence, signal: AbortSignal): Promise<Trouble | null> {
  if (fence.now === 0) return meant(reason);
  const under = fence.now;
  try {
    for (let i = 0; i < doubts && fence.now === under; i++) {
      if (i > 0) await sleep(1, signal); // one that ends is there for a moment yet
      await api.get(url, fence, signal);
    }
  } catch (e) {
    if (!signal.aborted && asTrouble(e).kind === "session-gone") return meant(reason);
  }
  return null; // it is there, or what comes next tells
}

/** A server that goes down comes back, and we with it; any other end is meant. */
export function meant(reason: string): Trouble {
  return /shut|drain|restart/i.test(reason) ? new Trouble("session-gone", reason, 1) : new Trouble("ended", reason);
}
