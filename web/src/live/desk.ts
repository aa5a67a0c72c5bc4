// The controls of a session that runs: what is asked of the server, and its word on
// how things stand.
import * as api from "../net/api";
import type { Fence } from "../net/fence";
import type { Change, Dumped, SessionInfo } from "../net/types";

/** What a board of controls can do. Both fail with a Trouble. */
export interface Acts {
  change(to: Change): Promise<void>;
  dump(): Promise<void>;
}

export interface Where {
  url: string; // of the session, with the right to control it
  fence: Fence;
  signal: AbortSignal;
}

export class Desk implements Acts {
  private turns = 0;

  /**
   * @param where the session is; null while there is none
   * @param took is told how the session stands after a change
   * @param dumped is told what was dumped
   */
  constructor(private readonly where: () => Where | null, private readonly took: (info: SessionInfo) => void, private readonly dumped: (d: Dumped) => void) {}

  /** Rises as changes begin and end: what was asked for before tells of how things stood before. */
  get turn(): number {
    return this.turns;
  }

  async change(to: Change): Promise<void> {
    const at = this.where();
    if (!at) return;
    this.turns++;
    try {
      const info = await api.change(at.url, to, at.fence, at.signal);
      if (!at.signal.aborted) this.took(info);
    } finally {
      this.turns++;
    }
  }

  async dump(): Promise<void> {
    const at = this.where();
    if (!at) return;
    const d = await api.dump(at.url, at.fence, at.signal);
    if (!at.signal.aborted) this.dumped(d);
  }
}
