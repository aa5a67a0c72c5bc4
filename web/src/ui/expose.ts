// What browser tests read: window.__livedub.
import type { Live } from "../live/session";

export function expose(live: Live): void {
  const view = {
    get state() {
      return live.store.get();
    },
    get sessionId() {
      return live.store.get().session?.id ?? null;
    },
    get fence() {
      return live.fence.now;
    },
    get pcs() {
      return live.pcs;
    },
  };
  Object.assign(window, { __livedub: view });
}
