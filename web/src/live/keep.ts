// Keeping one connection up: connect, wait until it is lost, connect again.
import { Backoff, sleep } from "../net/backoff";
import { Trouble, asTrouble } from "../net/errors";
import type { Link } from "../net/whip";

export interface Keeper {
  connect(signal: AbortSignal): Promise<Link>;
  up(link: Link): void;
  down(why: Trouble, retryIn: number): void;
}

/** Works until signal aborts; throws what trying again cannot mend. */
export async function keep(k: Keeper, signal: AbortSignal, backoff = new Backoff()): Promise<void> {
  let link: Link | undefined;
  const close = () => link?.close();
  signal.addEventListener("abort", close);
  try {
    while (!signal.aborted) {
      let why = new Trouble("server-gone");
      try {
        link = await k.connect(signal);
        k.up(link);
        backoff.reset();
        await link.lost;
        link.close();
      } catch (e) {
        why = asTrouble(e);
      }
      if (signal.aborted) return;
      if (!why.passes || why.kind === "session-gone") throw why;
      const wait = backoff.next(why.wait);
      k.down(why, wait);
      await sleep(wait, signal);
    }
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}
