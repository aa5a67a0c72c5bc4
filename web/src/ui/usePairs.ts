import { useEffect, useState } from "preact/hooks";
import { languages } from "../net/api";
import { Backoff, sleep } from "../net/backoff";
import { asTrouble, type Trouble } from "../net/errors";
import type { Offer, Pair } from "../net/types";

interface Found {
  pairs: Pair[] | null;
  record: Offer["record"];
  keeps: boolean;
  mouths: boolean;
  trouble: Trouble | null;
  retryIn: number;
}

const none = { pairs: null, record: "" as const, keeps: false, mouths: false };

/** The pairs that work, asked for until the server answers. */
export function usePairs(): Found {
  const [found, set] = useState<Found>({ ...none, trouble: null, retryIn: 0 });
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
      const offer = await languages(signal);
      return set({ ...offer, trouble: null, retryIn: 0 });
    } catch (e) {
      signal.throwIfAborted();
      const trouble = asTrouble(e);
      const retryIn = backoff.next(trouble.wait);
      set({ ...none, trouble, retryIn });
      await sleep(retryIn, signal);
    }
  }
}
