// The session's event stream. EventSource comes back by itself after a cut and
// tells the last event that it has had, but gives up for good on a refusal: then
// we ask again, ever more rarely, and tell it in the address.
import { Backoff, sleep } from "./backoff";
import type { Caption, Dumped, LadderChange } from "./types";
import { limits } from "./within";

export interface Listener {
  caption(c: Caption): void;
  ladder(l: LadderChange): void;
  dumped(d: Dumped): void;
  drain(until: string): void; // the server takes no new sessions, and ends this one by then
  moved(fence: number): void; // another node has the session ready: whoever connects anew is there
  end(reason: string): void;
  open?(): void; // the stream stands, at first and after each cut
}

/** The last event that has come, of all streams of a session. */
export interface Mark {
  id: string;
}

/** Listens until signal aborts. */
export async function listen(url: string, to: Listener, signal: AbortSignal, mark: Mark = { id: "" }, Source: typeof EventSource = EventSource): Promise<void> {
  const backoff = new Backoff(1, 10);
  while (!signal.aborted) {
    const at = mark.id ? `${url}?last-event-id=${encodeURIComponent(mark.id)}` : url;
    await once(at, to, signal, mark, Source, () => {
      backoff.reset();
      to.open?.();
    });
    if (!signal.aborted) await sleep(backoff.next(), signal).catch(() => undefined);
  }
}

function once(url: string, to: Listener, signal: AbortSignal, mark: Mark, Source: typeof EventSource, opened: () => void): Promise<void> {
  return new Promise((resolve) => {
    const source = new Source(url);
    // A server that takes the request and says nothing is asked again, too.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(done, limits.answer * 1000);
    };
    const done = () => {
      clearTimeout(timer);
      source.close();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const on = <T>(name: string, f: (v: T) => void) =>
      source.addEventListener(name, (e) => {
        const { data, lastEventId } = e as MessageEvent;
        if (lastEventId) mark.id = lastEventId;
        const v = parse<T>(data);
        if (v !== undefined) f(v);
      });
    on<Caption>("caption", (c) => to.caption(c));
    on<LadderChange>("ladder", (l) => to.ladder(l));
    on<Partial<Dumped>>("dumped", (v) => to.dumped({ from: Number(v.from) || 0, to: Number(v.to) || 0, phrases: Array.isArray(v.phrases) ? v.phrases : [] }));
    on<{ until?: string }>("drain", (v) => to.drain(v.until ?? ""));
    on<{ fence?: number }>("moved", (v) => to.moved(Number(v.fence) || 0));
    on<{ reason?: string }>("end", (v) => to.end(v.reason ?? ""));
    source.onopen = () => {
      clearTimeout(timer);
      opened();
    };
    source.onerror = () => (source.readyState === Source.CLOSED ? done() : wait());
    signal.addEventListener("abort", done);
    wait();
  });
}

/** Undefined for what is no JSON object: one bad event does not end the rest. */
export function parse<T>(data: unknown): T | undefined {
  try {
    const v = JSON.parse(String(data));
    return v && typeof v === "object" ? (v as T) : undefined;
  } catch {
    return undefined;
  }
}
