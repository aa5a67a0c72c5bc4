// Figures once a second: the server's own and what the browser measures.
import { push } from "../core/series";
import { StatsReader, delayOf, type Sample } from "../core/stats";
import { fall } from "../core/waterfall";
import type { Level, SessionInfo } from "../net/types";
import { limits, within } from "../net/within";
import { levels, span, type LiveState } from "./state";

const phrases = 6;

export class Figures {
  private readonly up = new StatsReader();
  private readonly down = new StatsReader();

  /** The change that a second brings to the state. */
  async next(was: LiveState, info: SessionInfo, lang: string, sending?: RTCPeerConnection, receiving?: RTCPeerConnection): Promise<Partial<LiveState>> {
    const up = await sample(this.up, sending);
    const down = await sample(this.down, receiving);
    const dub = info.dubs?.[lang];
    const t = performance.now() / 1000;
    const figures = { ...was.figures };
    const series = { ...was.series };
    const note = (k: "delay" | "span" | "offset", v: number | null | undefined) => {
      if (v === null || v === undefined || !Number.isFinite(v)) return;
      figures[k] = v;
      series[k] = push(series[k], { t, v }, span);
    };
    if (down && down.fps > 0) note("delay", delayOf(info.delay_ms, up, down));
    note("span", dub?.ear_voice_span_ms?.p50);
    note("offset", down?.offset ?? dub?.av_offset_ms?.p50);
    const level: Level | null = dub?.ladder ?? was.level;
    if (level) series.ladder = push(series.ladder, { t, v: levels.indexOf(level) }, span);
    const falls = dub?.phrases?.slice(-phrases).map((p) => fall(p, info.delay_ms / 1000)) ?? was.falls;
    return { figures, series, level, why: dub ? (dub.why ?? "") : was.why, falls, session: { ...was.session, ...info } };
  }
}

async function sample(reader: StatsReader, pc?: RTCPeerConnection): Promise<Sample | null> {
  if (!pc || pc.connectionState !== "connected") return null;
  const report = await within(limits.browser, "browser-stuck", "statistics", pc.getStats());
  return reader.read(report.values() as Iterable<Record<string, unknown>>);
}
