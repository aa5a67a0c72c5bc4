import { useState } from "preact/hooks";
import { languageName, t } from "../i18n";
import { asTrouble } from "../net/errors";
import { addOutput, removeOutput } from "../net/outputs";
import type { Output, SessionInfo } from "../net/types";

const every = "*";

/** Where the session is sent on to, how that does, and the way to add and to end one. */
export function Outputs({ session, langs }: { session: SessionInfo; langs: string[] }) {
  const [url, setUrl] = useState("");
  const [lang, setLang] = useState(langs[0] ?? "");
  const [said, say] = useState("");
  const [busy, setBusy] = useState(false);
  const all = session.outputs ?? [];
  const several = langs.length > 1 && /^\s*srt:/i.test(url); // RTMP carries one sound
  const chosen = lang === every && !several ? langs[0]! : lang;
  const attempt = async (work: () => Promise<unknown>) => {
    setBusy(true);
    say("");
    try {
      await work();
    } catch (e) {
      const { kind, detail } = asTrouble(e);
      say(t("out.failed", { why: detail || kind }));
    }
    setBusy(false);
  };
  const add = (e: Event) => {
    e.preventDefault();
    void attempt(async () => {
      await addOutput(session, url, chosen === every ? langs : [chosen]);
      setUrl(""); // it holds a key
    });
  };
  return (
    <details class="keep outputs" data-testid="outputs">
      <summary>{t("out.title")}{all.length > 0 && <span class="count">{all.length}</span>}</summary>
      <ul>{all.map((o) => <One key={o.id} o={o} busy={busy} end={() => void attempt(() => removeOutput(session, o.id))} />)}</ul>
      <form onSubmit={add}>
        <label class="field">
          <small>{t("out.hint")}</small>
          <input type="text" inputMode="url" autocomplete="off" spellcheck={false} required placeholder="rtmps://live.example.com/app/KEY" aria-label={t("out.url")} data-testid="output-url" value={url} onInput={(e) => setUrl(e.currentTarget.value)} />
        </label>
        <div class="row">
          <select aria-label={t("out.lang")} data-testid="output-lang" value={chosen} onChange={(e) => setLang(e.currentTarget.value)}>
            {[...langs, session.from].map((l) => <option key={l} value={l}>{languageName(l)}</option>)}
            {several && <option value={every}>{t("out.all")}</option>}
          </select>
          <button type="submit" disabled={busy} data-testid="output-add">{t("out.add")}</button>
        </div>
      </form>
      <p class="hint" role="status" data-testid="output-said">{said}</p>
    </details>
  );
}

function One({ o, busy, end }: { o: Output; busy: boolean; end(): void }) {
  return (
    <li data-testid="output" data-state={o.state}>
      <b>{o.url}</b>
      <button type="button" class="quiet" disabled={busy} onClick={end}>{t("out.remove")}</button>
      <p>
        <i class="dot" /> {o.langs.map(languageName).join(", ")} · {t(`out.${o.state}`)}
        {o.state === "live" && o.bitrate > 0 && `, ${Math.round(o.bitrate / 1000)} kbit/s`}
      </p>
      {o.state !== "live" && o.last_error && <small>{o.last_error}</small>}
    </li>
  );
}
