// Waiting longer after every failure, with a little chance so that many pages
// do not come back in the same instant.

export class Backoff {
  private tries = 0;

  constructor(private readonly first = 0.5, private readonly most = 15, private readonly random: () => number = Math.random) {}

  /** Seconds to wait before the next try; `least` is what the server asked for. */
  next(least = 0): number {
    const full = Math.min(this.most, this.first * 2 ** this.tries);
    this.tries++;
    return Math.max(least * (1 + this.random() / 4), full * (0.75 + this.random() / 2));
  }

  /** Seconds to wait after something that worked has broken: none the first time. */
  soon(): number {
    if (this.tries > 0) return this.next();
    this.tries++;
    return 0;
  }

  /** Forgets the failures: it works again. */
  reset(): void {
    this.tries = 0;
  }
}

/** Resolves after s seconds, rejects as soon as signal aborts. */
export function sleep(s: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, s * 1000);
    signal.addEventListener("abort", stop, { once: true });
  });
}
