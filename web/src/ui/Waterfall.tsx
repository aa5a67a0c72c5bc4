import { width, type Fall, type Stage } from "../core/waterfall";
import { t } from "../i18n";
import type { Slowest } from "../net/types";

const stages: Stage[] = ["spoken", "recognized", "translated", "voiced", "waits", "played"];
const late = 0.3; // s, the figure the design promises

/** What each of the last phrases waited for. */
export function Waterfall({ falls }: { falls: Fall[] }) {
  const w = width(falls);
  const ticks = Array.from({ length: Math.floor(w) + 1 }, (_, i) => i).filter((i) => w < 8 || i % 2 === 0);
  return (
    <section class="card falls" aria-label={t("whyLate")} data-testid="waterfall">
      <h2>{t("whyLate")}</h2>
      <p class="hint">{t(falls.length ? "whyLateHint" : "whyLateEmpty")}</p>
      {falls.length > 0 && (
        <>
          <ul class="key">{stages.map((s) => <li key={s}><span class={`swatch ${s}`} />{t(s)}</li>)}</ul>
          <ol>
            {falls.map((f) => (
              <li key={f.id} aria-label={told(f)}>
                <span class="phrase">{f.text}</span>
                <span class="track" aria-hidden="true">
                  {f.bars.map((b) => <span key={b.stage} class={`bar ${b.stage}`} title={`${t(b.stage)} ${sec(b.to - b.from)}`} style={{ left: percent(b.from / w), width: percent((b.to - b.from) / w) }} />)}
                </span>
                <span class={isLate(f) ? "verdict late" : "verdict"}>{verdict(f)}{isLate(f) && f.slowest && <small data-testid="slowest">{blame(f.slowest)}</small>}</span>
              </li>
            ))}
          </ol>
          <div class="axis" aria-hidden="true">{ticks.map((i) => <i key={i} style={{ left: percent(i / w) }}>{i}</i>)}</div>
        </>
      )}
    </section>
  );
}

const percent = (v: number): string => `${(v * 100).toFixed(2)}%`;
const sec = (v: number): string => `${v.toFixed(2)} s`;

function verdict(f: Fall): string {
  if (f.late === null) return t(f.fate === "skipped_same" ? "sameLanguage" : f.fate.startsWith("skipped") ? "skipped" : "waits");
  return f.late <= 0.05 ? t("onTime") : t("lateBy", { s: f.late.toFixed(1) });
}

const isLate = (f: Fall): boolean => f.late === null || f.late > late;

/** The engine that a late phrase waited for longest, and how long. */
const blame = (s: Slowest): string => `${s.engine || t(s.stage)} ${Math.round(s.ms)} ms`;

const told = (f: Fall): string =>
  `${f.text}: ${f.bars.map((b) => `${t(b.stage)} ${sec(b.to - b.from)}`).join(", ")}. ${verdict(f)}${isLate(f) && f.slowest ? `: ${blame(f.slowest)}` : ""}`;
