// The session's clock as this page can know it: from moments that the session
// has already reached when we hear of them.

export class SessionClock {
  private zero = Infinity; // the page's time, in seconds, when the session's clock stood at 0

  constructor(private readonly page: () => number = () => performance.now() / 1000) {}

  /** The session's clock has reached s seconds. News comes late, never early: the earliest counts. */
  reached(s: number): void {
    if (Number.isFinite(s)) this.zero = Math.min(this.zero, this.page() - s);
  }

  /** Forgets all: another session begins. */
  reset(): void {
    this.zero = Infinity;
  }

  /** Seconds on the session's clock; null before the first news. */
  now(): number | null {
    return this.zero === Infinity ? null : this.page() - this.zero;
  }
}
