// From one connection to another without a break: the new one has a picture, and
// neither sounds.
import { framed } from "../media/framed";
import { meter } from "../media/meter";
import { sleep } from "../net/backoff";
import type { Link } from "../net/whip";

const longest = 10; // s to wait for a picture
const hush = 2; // s to wait for a silence
const still = 1 / 6; // a level of -50 dBFS
const pause = 80; // ms of silence

/** Waits until `from` may be left for `to`. Both play. */
export async function ready(from: Link, to: Link, signal: AbortSignal): Promise<void> {
  // Where nobody speaks there is no picture to wait for.
  for (const end = performance.now() + longest * 1000; performance.now() < end && framed(from.stream) && !framed(to.stream); ) {
    await sleep(0.05, signal);
  }
  await silence([from.stream, to.stream], signal);
}

/** Waits until all have been still for a moment, but not for long. */
function silence(streams: MediaStream[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const loud = streams.map(() => performance.now());
    const stops = streams.map((s, i) => meter(s, (level) => {
      if (level > still) loud[i] = performance.now();
      if (performance.now() - Math.max(...loud) >= pause) end();
    }, 20));
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      stops.forEach((stop) => stop());
      resolve();
    };
    const timer = setTimeout(end, hush * 1000);
    signal.addEventListener("abort", end);
  });
}
