import { path, range, type Point } from "../core/series";
import { t, type Key } from "../i18n";
import { levels, span, type LiveState, type Plot } from "../live/state";
import type { Level } from "../net/types";

const W = 200;
const H = 44;
const names: Record<Level, Key> = { lips: "lips", voice: "voice", captions: "captionsLevel", passthrough: "passthrough" };

export function Plots({ state }: { state: LiveState }) {
  const { figures: f, series, level } = state;
  return (
    <section class="plots" aria-label={t("figures")}>
      <Card plot="delay" value={f.delay} text={seconds(f.delay)} series={series.delay} least={1000} hold={[0]} unit={(v) => `${v / 1000} s`} />
      <Card plot="span" value={f.span} text={seconds(f.span)} series={series.span} least={1000} hold={[0]} unit={(v) => `${v / 1000} s`} />
      <Card plot="offset" value={f.offset} text={f.offset === undefined ? "–" : `${f.offset > 0 ? "+" : ""}${Math.round(f.offset)} ms`.replace("-", "−")} series={series.offset} least={80} hold={[-40, 40]} unit={(v) => `${v}`} />
      <Card plot="ladder" value={level ?? undefined} text={level ? t(names[level]) : "–"} series={series.ladder} fixed={[-0.3, levels.length - 0.7]} stepped dot={level ?? undefined} why={state.why} />
    </section>
  );
}

const seconds = (ms?: number): string => (ms === undefined ? "–" : `${(ms / 1000).toFixed(1)} s`);

interface CardProps {
  plot: Plot;
  value?: number | string;
  text: string;
  series: Point[];
  least?: number;
  hold?: number[];
  fixed?: [number, number];
  unit?(v: number): string;
  stepped?: boolean;
  dot?: Level;
  why?: string;
}

function Card({ plot, value, text, series, least = 1, hold, fixed, unit, stepped, dot, why }: CardProps) {
  const r = fixed ?? range(series.map((p) => p.v), least, hold);
  const line = path(series, span, r, W, H, stepped);
  const zero = plot === "offset" ? H - ((0 - r[0]) / (r[1] - r[0])) * H : null;
  return (
    <div class={`card plot ${plot}`}>
      <h3>{t(plot)}</h3>
      <p class="value" data-testid={plot} data-value={typeof value === "number" ? Math.round(value) : value}>{dot && <span class={`dot ${dot}`} />}{text}</p>
      <div class="chart">
        <svg viewBox={`0 -2 ${W} ${H + 4}`} preserveAspectRatio="none" aria-hidden="true">
          {zero !== null && <line x1="0" x2={W} y1={zero} y2={zero} class="zero" />}
          {line && <path d={line} />}
        </svg>
        {unit && series.length > 0 && <><i class="hi">{unit(r[1])}</i><i class="lo">{unit(r[0])}</i></>}
      </div>
      <small data-testid={`${plot}-why`}>{why || t(`${plot}Hint`)}</small>
    </div>
  );
}
