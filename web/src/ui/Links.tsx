import { useState } from "preact/hooks";
import { watchLink } from "../core/route";
import { languageName, t } from "../i18n";
import type { SessionInfo } from "../net/types";
import { limits, within } from "../net/within";

/** A link per dub, for those who only watch, and one for players of HLS. */
export function Links({ session }: { session: SessionInfo }) {
  return (
    <section class="links" aria-label={t("watchLinks")}>
      <h2>{t("watchLinks")}</h2>
      <p class="hint">{t("watchHint")}</p>
      <ul>
        {session.to.map((lang, i) => <Line key={lang} text={t("open", { lang: languageName(lang) })} href={watchLink(session.watch?.[lang] ?? "", location.href)} testid={i === 0 ? "watch-link" : `watch-link-${lang}`} />)}
        {session.hls && <Line text={t("playlist")} href={session.hls} testid="hls-link" />}
      </ul>
    </section>
  );
}

function Line({ text, href, testid }: { text: string; href: string; testid: string }) {
  const [copied, setCopied] = useState<"copy" | "copied" | "copyFailed">("copy");
  const copy = async () => {
    const written = within(limits.browser, "browser-stuck", "copying", navigator.clipboard.writeText(href));
    await written.then(() => setCopied("copied"), () => setCopied("copyFailed"));
    setTimeout(() => setCopied("copy"), 2000);
  };
  return (
    <li>
      <a href={href} target="_blank" rel="noopener" data-testid={testid}>{text}</a>
      {navigator.clipboard && <button type="button" class="quiet" aria-live="polite" onClick={copy}>{t(copied)}</button>}
    </li>
  );
}
