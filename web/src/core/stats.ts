// What the browser itself measures of a connection.

export interface Sample {
  rtt: number | null; // s
  buffer: number | null; // s that a frame waits before it is shown
  offset: number | null; // ms, audio against video as they play, positive: sound late
  width: number;
  height: number;
  fps: number;
}

interface Held {
  delay: number;
  count: number;
}

/** Reads getStats() of one connection, again and again. */
export class StatsReader {
  private held: Held = { delay: 0, count: 0 };

  read(report: Iterable<Record<string, any>>): Sample {
    const out: Sample = { rtt: null, buffer: null, offset: null, width: 0, height: 0, fps: 0 };
    const playing: { audio?: number; video?: number } = {};
    for (const s of report) {
      if (s.type === "candidate-pair" && s.nominated && s.state === "succeeded") out.rtt = s.currentRoundTripTime ?? out.rtt;
      if (s.type !== "inbound-rtp") continue;
      const kind = s.kind as "audio" | "video";
      if (s.estimatedPlayoutTimestamp > 0) playing[kind] = s.estimatedPlayoutTimestamp;
      if (kind !== "video") continue;
      out.width = s.frameWidth ?? 0;
      out.height = s.frameHeight ?? 0;
      out.fps = s.framesPerSecond ?? 0;
      out.buffer = this.buffer(s.jitterBufferDelay ?? 0, s.jitterBufferEmittedCount ?? 0);
    }
    // The sender's time of what plays now: where the sound's is earlier, the sound is late.
    if (playing.audio && playing.video) out.offset = playing.video - playing.audio;
    return out;
  }

  private buffer(delay: number, count: number): number | null {
    const d = delay - this.held.delay;
    const n = count - this.held.count;
    this.held = { delay, count };
    return n > 0 && d >= 0 ? d / n : null;
  }
}

/** Glass to glass in ms: what the session holds, the network both ways, the player's buffer. */
export function delayOf(held: number, up: Sample | null, down: Sample | null): number {
  return held + 1000 * ((up?.rtt ?? 0) / 2 + (down?.rtt ?? 0) / 2 + (down?.buffer ?? 0));
}
