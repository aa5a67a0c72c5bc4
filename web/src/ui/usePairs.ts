import { useEffect, useState } from "preact/hooks";
import { languages } from "../net/api";
import { Backoff, sleep } from "../net/backoff";
import { asTrouble, type Trouble } from "../net/errors";
import type { Pair } from "../net/types";

interface Found {
  pairs: Pair[] | null;
  trouble: Trouble | null;
  retryIn: number;
}

/** The pairs that work, asked for until the server answers. */
export function usePairs(): Found {
  const [found, set] = useState<Found>({ pairs: null, trouble: null, retryIn: 0 });
  useEffect(() => {
    const stop = new AbortController();
    void ask(set, stop.signal).catch(() => undefined); // it ends with the component
    return () => stop.abort();
  }, []);
  return found;
}

async function ask(set: (f: Found) => void, signal: AbortSignal): Promise<void> {
  const backoff = new Backoff(1, 15);
  for (;;) {
    try {
      const pairs = await languages(signal);
      return set({ pairs, trouble: null, retryIn: 0 });
    } catch (e) {
      signal.throwIfAborted();
      const retryIn = backoff.next();
      set({ pairs: null, trouble: asTrouble(e), retryIn });
      await sleep(retryIn, signal);
    }
  }
}
