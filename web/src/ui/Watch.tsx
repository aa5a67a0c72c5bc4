import { useEffect, useState } from "preact/hooks";
import { spokenAt } from "../core/captions";
import { parseRoute } from "../core/route";
import { useStore } from "../core/store";
import { languageName, t } from "../i18n";
import { Viewer } from "../live/viewer";
import { limits } from "../net/within";
import { Trouble } from "../net/errors";
import { Banner, untilText } from "./Banner";
import { Board } from "./Board";
import { Header } from "./Header";
import { Recorded } from "./Recorded";
import { Notice, SoundIcon } from "./Stage";
import { useLate } from "./useLate";
import { usePairs } from "./usePairs";
import { Video } from "./Video";

const player = 0.15; // s that a browser holds what it plays

/** A viewer's page: one frame, its languages, subtitles as they sound. */
export function Watch({ id, lang }: { id: string; lang: string }) {
  const [viewer] = useState(() => new Viewer(id, lang));
  const state = useStore(viewer.store);
  const [muted, setMuted] = useState(false);
  const [seen, setSeen] = useState<Record<string, MediaStream | null>>({}); // whose frame is seen
  const [subtitles, setSubtitles] = useState(true);
  const text = useSubtitle(viewer, subtitles);
  const { info, langs, streams, trouble, retryIn } = state;
  const now = state.lang;
  const vacant = !(streams[now] && seen[now]);
  const late = useLate(vacant && !trouble, (info?.delay_ms ?? 0) / 1000 + limits.frame);

  useEffect(() => {
    void viewer.run();
    const leave = () => viewer.close();
    const turn = () => {
      const to = parseRoute(location.hash);
      if (to?.id === id) viewer.choose(to.lang);
    };
    addEventListener("pagehide", leave);
    addEventListener("hashchange", turn);
    Object.assign(window, { __livedub: { get state() { return viewer.store.get(); }, sessionId: id.split("~")[0], pcs: viewer.pcs, get fence() { return viewer.fence; } } });
    return () => {
      removeEventListener("pagehide", leave);
      removeEventListener("hashchange", turn);
      viewer.close();
    };
  }, [viewer]);

  const choose = (l: string) => {
    viewer.choose(l);
    history.replaceState(null, "", `#/watch/${encodeURIComponent(id)}/${l}`);
  };
  const original = info?.from === now;
  const missing = trouble?.kind === "session-gone" && !info;
  return (
    <div class="page">
      <Header><Recorded taping={info?.recording} /></Header>
      {missing ? <div class="banner mild" role="alert" data-testid="error" data-kind="session-gone"><p>{t("watchMissing")}</p></div> : trouble || !state.draining ? <Banner trouble={trouble} retryIn={retryIn} /> : <Banner trouble={new Trouble("draining", untilText(state.draining))} mild />}
      <main class="watch">
        <figure class="view dub big">
          {langs.map((l) => (
            <Video key={l} stream={streams[l] ?? null} coming={state.coming[l]} muted={muted || l !== now} hidden={l !== now} testid={l === now ? "dubbed-video" : `video-${l}`} label={languageName(l)}
              onFrame={() => setSeen((s) => ({ ...s, [l]: streams[l] ?? null }))} onSilenced={() => setMuted(true)} />
          ))}
          {vacant && <div class="empty" role="status">{late ? t("noVideoLong") : <><span class="spinner" />{t("noVideoYet")}</>}</div>}
          {!vacant && (trouble || seen[now] !== streams[now]) && <Notice />}
          {info && <span class={original ? "badge plain" : "badge"} data-testid="badge">{original ? t("original") : t("badge")}</span>}
          {subtitles && text && <p class="subtitle" lang={now} data-testid="subtitle"><span>{text}</span></p>}
          {muted && <button type="button" class="primary big sound" data-testid="sound-on" onClick={() => setMuted(false)}><SoundIcon off />{t("soundOn")}</button>}
        </figure>
        <div class="controls">
          <div class="tabs" role="radiogroup" aria-label={t("language")}>
            {langs.map((l) => (
              <label key={l}>
                <input type="radio" name="lang" value={l} checked={l === now} data-testid={`lang-${l}`} onChange={() => choose(l)} />
                <span>{languageName(l)}{l === info?.from && <small>{t("original")}</small>}</span>
              </label>
            ))}
          </div>
          <label class="check small"><input type="checkbox" checked={subtitles} onChange={(e) => setSubtitles(e.currentTarget.checked)} /><span>{t("subtitles")}</span></label>
          <button type="button" class="quiet" onClick={(e) => void (e.currentTarget.closest("main")?.querySelector("figure")?.requestFullscreen?.().catch(() => undefined))}>{t("fullscreen")}</button>
          <a href="#">{t("backToStudio")}</a>
        </div>
        {info?.control && info.dubs && <Control viewer={viewer} />}
      </main>
    </div>
  );
}

/** The controls, for who came with the right to them. */
function Control({ viewer }: { viewer: Viewer }) {
  const { info, dumped } = useStore(viewer.store);
  const { pairs } = usePairs();
  return info && <Board session={info} pairs={pairs ?? []} dumped={dumped} acts={viewer.desk} />;
}

/** What is said in the chosen language at the moment that is heard now. */
function useSubtitle(viewer: Viewer, on: boolean): string {
  const [text, set] = useState("");
  useEffect(() => {
    if (!on) return;
    const timer = setInterval(() => {
      const { rows, lang, info } = viewer.store.get();
      const now = viewer.clock.now();
      set(now === null || !info ? "" : spokenAt(rows, lang, now - info.delay_ms / 1000 - player));
    }, 100);
    return () => clearInterval(timer);
  }, [viewer, on]);
  return text;
}
