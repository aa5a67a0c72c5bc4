// Points over time and how they become a small plot.

export interface Point {
  t: number; // s
  v: number;
}

/** Returns s with p at its end and without what is older than `span` seconds. */
export function push(s: readonly Point[], p: Point, span: number): Point[] {
  return [...s.filter((q) => p.t - q.t <= span && q.t < p.t), p];
}

/**
 * The range to draw values in: round numbers around them, at least `least`
 * wide so that noise looks like noise, and with `hold` inside.
 */
export function range(values: readonly number[], least: number, hold: readonly number[] = []): [number, number] {
  const all = [...values, ...hold].filter(Number.isFinite);
  if (all.length === 0) return [0, least];
  let lo = Math.min(...all);
  let hi = Math.max(...all);
  if (hi - lo < least) {
    const mid = (lo + hi) / 2;
    [lo, hi] = lo >= 0 && mid < least / 2 ? [0, least] : [mid - least / 2, mid + least / 2];
  }
  const step = nice((hi - lo) / 5);
  return [Math.floor(lo / step) * step, Math.ceil(hi / step) * step];
}

/** The smallest of 1, 2, 5 x 10^n that is not below x. */
export function nice(x: number): number {
  if (!(x > 0)) return 1;
  const p = 10 ** Math.floor(Math.log10(x));
  const m = x / p;
  return (m <= 1.0000001 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10) * p;
}

/**
 * An SVG path through s: the last point at the right edge, `span` seconds wide.
 * `stepped` holds each value until the next.
 */
export function path(s: readonly Point[], span: number, [lo, hi]: readonly [number, number], w: number, h: number, stepped = false): string {
  const last = s.at(-1);
  if (!last) return "";
  const x = (t: number) => round(w - ((last.t - t) / span) * w);
  const y = (v: number) => round(h - ((Math.min(hi, Math.max(lo, v)) - lo) / (hi - lo || 1)) * h);
  return s
    .map((p, i) => (i === 0 ? `M${x(p.t)} ${y(p.v)}` : stepped ? `H${x(p.t)}V${y(p.v)}` : `L${x(p.t)} ${y(p.v)}`))
    .join("");
}

const round = (v: number): number => Math.round(v * 10) / 10;
