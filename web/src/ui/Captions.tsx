import { useEffect, useRef } from "preact/hooks";
import { inLang, pieces, type Row } from "../core/captions";
import { languageName, t } from "../i18n";

export function Captions({ rows, from, to }: { rows: Row[]; from: string; to: string }) {
  return (
    <section class="captions" aria-label={t("captions")}>
      <Column rows={rows} lang={from} testid="caption-source" empty={t("captionsEmpty")} />
      <Column rows={rows} lang={to} testid="caption-target" empty={t("captionsEmptyTo")} target />
    </section>
  );
}

function Column({ rows, lang, testid, empty, target }: { rows: Row[]; lang: string; testid: string; empty: string; target?: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const lines = inLang(rows, lang);
  const last = lines.at(-1)?.line.text;
  useEffect(() => {
    box.current!.scrollTop = box.current!.scrollHeight;
  }, [lines.length, last]);
  return (
    <div class={target ? "card caption target" : "card caption"}>
      <h2>{languageName(lang) || t("captions")}</h2>
      <div ref={box} class="log" role="log" aria-live={target ? "polite" : "off"} lang={lang === "auto" ? "" : lang} tabIndex={0} data-testid={testid}>
        {lines.length === 0 && <p class="hint" lang="">{empty}</p>}
        {lines.map(({ id, line }) => <p key={id} class={line.final ? undefined : "partial"} data-id={id} data-final={line.final}>{pieces(line).map((p) => (p.doubt === undefined ? p.text : <Doubt text={p.text} sure={p.doubt} />))}{line.skipped && <small class="skipped" data-testid="skipped">{t("notDubbed")}</small>}</p>)}
      </div>
    </div>
  );
}

/** A word that may have been something else: underlined, and in words by its title. */
function Doubt({ text, sure }: { text: string; sure: number }) {
  return <mark class="doubt" title={t("doubtful", { p: Math.round(sure * 100) })} data-testid="doubt">{text}</mark>;
}
