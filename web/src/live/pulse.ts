// Whether something still comes by a connection. A server sends sound every 20 ms
// as long as a dub runs, whether anybody speaks or not: its silence is no sound
// at all. ICE takes 5 s to notice that; by counting packets it is half a second.
import { sleep } from "../net/backoff";
import { limits, within } from "../net/within";

/** How long nothing new has come, by readings of a counter. */
export class Quiet {
  private last: { count: number; at: number } | null = null;
  private ms = 0;

  /** @param most ms that one reading counts: those of a page in the background, or of a machine that slept, come late and prove no more */
  constructor(private readonly most: number) {}

  /** Takes a reading at `at` ms; 0 is before anything came, which is no silence. */
  read(count: number, at: number): number {
    const { last } = this;
    this.ms = last && last.count === count && count > 0 ? this.ms + Math.min(this.most, at - last.at) : 0;
    this.last = { count, at };
    return this.ms;
  }
}

export interface Beat {
  count(): Promise<number>; // of what has come, 0 for nothing yet
  every: number; // ms between readings
  most: number; // ms without anything new
}

/** The beat of a connection that receives: packets of sound, while they are wanted. */
export function heard(pc: RTCPeerConnection, wanted: () => boolean = () => true): Beat {
  const receiver = pc.getReceivers().find((r) => r.track.kind === "audio");
  return {
    count: async () => {
      if (!wanted()) return 0;
      let n = 0;
      for (const s of (await receiver?.getStats())?.values() ?? []) if (s.type === "inbound-rtp") n += s.packetsReceived ?? 0;
      return n;
    },
    every: 125, most: 500,
  };
}

/** The beat of a connection that sends: the server's reports on what it got, one a second. */
export function confirmed(pc: RTCPeerConnection): Beat {
  return {
    count: async () => {
      let last = 0;
      for (const s of (await pc.getStats()).values()) if (s.type === "remote-inbound-rtp") last = Math.max(last, s.timestamp);
      return last;
    },
    every: 500, most: 4000,
  };
}

/** Feels a beat until signal aborts. */
export class Pulse {
  private ms = 0;
  private readonly told: (() => void)[] = [];

  constructor(private readonly beat: Beat, signal: AbortSignal) {
    void this.feel(signal).catch(() => undefined); // it ends with the connection
  }

  get beats(): boolean {
    return this.ms < this.beat.most;
  }

  /** Settles once the beat has stopped. */
  stopped(): Promise<void> {
    return this.beats ? new Promise((resolve) => void this.told.push(resolve)) : Promise.resolve();
  }

  private async feel(signal: AbortSignal): Promise<void> {
    const quiet = new Quiet(2 * this.beat.every);
    for (;;) {
      await sleep(this.beat.every / 1000, signal);
      const count = await within(limits.browser, "browser-stuck", "statistics", this.beat.count());
      this.ms = quiet.read(count, performance.now());
      if (!this.beats) this.told.splice(0).forEach((tell) => tell());
    }
  }
}
