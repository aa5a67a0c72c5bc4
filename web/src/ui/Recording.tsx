import { useEffect, useRef, useState } from "preact/hooks";
import { captionAt, clockText, phraseAt, sizeText, wordsOf, type Spoken } from "../core/recording";
import { languageName, locale, t } from "../i18n";
import { Recorded } from "../media/recorded";
import { Trouble, asTrouble } from "../net/errors";
import { remember } from "../net/mine";
import { recording, rightOf, transcript, type RecordedLanguage, type Recording as Info } from "../net/recordings";
import { Banner } from "./Banner";
import { Header } from "./Header";
import { State } from "./Recordings";
import { keepFrame } from "./Video";

const again = 4000; // ms between looks at a recording that grows

/** One recording: its frame, its languages on one clock, what was said beside it. */
export function Recording({ id }: { id: string }) {
  const [info, setInfo] = useState<Info | null>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [lang, setLang] = useState("");
  const [phrases, setPhrases] = useState<Spoken[]>([]);
  const [captions, setCaptions] = useState(true);
  const [now, setNow] = useState(0);
  const [asked, setAsked] = useState(0);
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const player = useRef<Recorded | null>(null);
  const shown = info?.languages.find((l) => l.lang === lang);
  const growing = info?.state === "growing";

  useEffect(() => {
    const stop = new AbortController();
    void recording(id, stop.signal).then(
      (r) => {
        setInfo(r);
        setTrouble(r.languages.length > 0 ? null : new Trouble("recording-gone"));
        setLang((was) => was || (r.languages.find((l) => !l.original) ?? r.languages[0])?.lang || "");
        if (r.control) remember(rightOf(r.control));
      },
      (e) => stop.signal.aborted || setTrouble(asTrouble(e).kind === "session-gone" ? new Trouble("recording-gone") : asTrouble(e)),
    );
    return () => stop.abort();
  }, [id, asked]);
  useEffect(() => {
    if (!growing) return;
    const timer = setInterval(() => setAsked((n) => n + 1), again);
    return () => clearInterval(timer);
  }, [growing]);

  const created = info?.created;
  useEffect(() => {
    if (!created) return;
    const p = new Recorded(video.current!, Date.parse(created));
    player.current = p;
    const timer = setInterval(() => setNow(p.now), 100);
    Object.assign(window, { __livedub: { get recording() { return { now: p.now }; } } });
    return () => {
      clearInterval(timer);
      p.close();
      player.current = null;
    };
  }, [created]);

  const first = useRef(true);
  const show = (l: RecordedLanguage, at: number, play: boolean) => {
    const [v, c, p] = [video.current!, still.current!, player.current!];
    keepFrame(v, c); // what is seen stays until the other language is there
    v.pause();
    // What has become one file meanwhile, or has been deleted: the server tells which.
    p.onLost = () => void recording(id).then(
      (r) => {
        setInfo(r);
        const next = r.languages.find((x) => x.lang === l.lang);
        if (next?.file && !l.file) show(next, p.now, true);
        else setTrouble(new Trouble("recording-stuck"));
      },
      () => setTrouble(new Trouble("recording-gone")),
    );
    p.open(l, at, play).then(() => setTrouble(null), (e) => setTrouble(asTrouble(e))).finally(() => (c.hidden = true));
  };
  useEffect(() => {
    if (!shown || !player.current) return;
    const v = video.current!;
    show(shown, first.current ? 0 : player.current.now, !first.current && !v.paused);
    first.current = false;
  }, [lang, created]);

  const words = shown?.transcript;
  useEffect(() => {
    if (!words) return;
    const stop = new AbortController();
    void transcript(words, stop.signal).then(setPhrases, (e) => stop.signal.aborted || setTrouble(asTrouble(e)));
    return () => stop.abort();
  }, [lang, growing && asked, growing]);

  const text = captions ? captionAt(phrases, now, !!shown?.original) : "";
  return (
    <div class="page">
      <Header><a href="#/recordings">{t("recordings")}</a></Header>
      <Banner trouble={trouble} onDismiss={trouble?.kind === "recording-gone" ? undefined : () => setTrouble(null)} />
      {info && (
        <main class="recording">
          <h1>{info.session} <State r={info} /></h1>
          <p class="hint about"><time dateTime={info.created}>{new Date(info.created).toLocaleString(locale)}</time><span>{clockText(info.duration)}</span>{info.why && <span>{info.why}</span>}</p>
          <section class="screen">
            <figure class="view big">
              <video ref={video} controls playsInline preload="auto" data-testid="recording-video" aria-label={languageName(lang)} onTimeUpdate={() => player.current && setNow(player.current.now)} />
              <canvas ref={still} hidden aria-hidden="true" />
              <span class={shown?.original ? "badge plain" : "badge"} data-testid="badge">{shown?.original ? t("original") : t("badge")}</span>
              {text && <p class="subtitle" lang={lang} data-testid="subtitle"><span>{text}</span></p>}
            </figure>
            <div class="controls">
              <div class="tabs" role="radiogroup" aria-label={t("language")}>
                {info.languages.map((l) => (
                  <label key={l.lang}>
                    <input type="radio" name="lang" value={l.lang} checked={l.lang === lang} data-testid={`lang-${l.lang}`} onChange={() => setLang(l.lang)} />
                    <span>{languageName(l.lang)}{l.original && <small>{t("original")}</small>}</span>
                  </label>
                ))}
              </div>
              <label class="check small"><input type="checkbox" checked={captions} data-testid="captions-toggle" onChange={(e) => setCaptions(e.currentTarget.checked)} /><span>{t("subtitles")}</span></label>
            </div>
            <p class="hint" data-testid="notice">{t("recordingNotice")}</p>
            {shown && <Downloads info={info} l={shown} />}
          </section>
          <Transcript phrases={phrases} now={now} original={!!shown?.original} lang={lang} from={info.from} go={(at) => {
            player.current?.seek(at);
            void video.current?.play().catch(() => undefined);
          }} />
        </main>
      )}
    </div>
  );
}

function Downloads({ info, l }: { info: Info; l: RecordedLanguage }) {
  const name = `${info.session}-${l.lang}`;
  return (
    <p class="downloads">
      {l.file ? <a href={l.file} download={`${name}.mp4`} data-testid="download">{t("downloadVideo", { size: sizeText(l.bytes) })}</a> : <span class="hint">{t("downloadLater")}</span>}
      <a href={l.captions} download={`${name}.vtt`}>{t("downloadCaptions")}</a>
      <a href={l.transcript} download={`${name}.json`}>{t("downloadTranscript")}</a>
    </p>
  );
}

interface TranscriptProps {
  phrases: Spoken[];
  now: number;
  original: boolean;
  lang: string;
  from: string;
  go(at: number): void;
}

/** What was said, beside the frame: it follows what is heard, and leads to it. */
function Transcript({ phrases, now, original, lang, from, go }: TranscriptProps) {
  const box = useRef<HTMLOListElement>(null);
  const [held, setHeld] = useState(false); // somebody reads elsewhere in it
  const at = phraseAt(phrases, now);
  useEffect(() => {
    const line = box.current?.children[at] as HTMLElement | undefined;
    if (line && !held) box.current!.scrollTop = line.offsetTop - box.current!.clientHeight / 3;
  }, [at, held]);
  return (
    <section class="card transcript" aria-label={t("transcript")}>
      <h2>{t("transcript")}</h2>
      {phrases.length === 0 && <p class="hint">{t("transcriptEmpty")}</p>}
      <ol ref={box} tabIndex={0} data-testid="transcript" onPointerEnter={() => setHeld(true)} onPointerLeave={() => setHeld(false)}>
        {phrases.map((p, i) => (
          <li key={p.id} data-id={p.id} class={i === at ? "now" : undefined} aria-current={i === at}>
            <button type="button" disabled={p.start === null} onClick={() => go(p.start!)}>
              <time>{p.start === null ? "–" : clockText(p.start)}</time>
              <span lang={lang}>{wordsOf(p, original) || <i>{t("notDubbed")}</i>}</span>
              {!original && <small lang={from === "auto" ? undefined : from}>{p.source_text}</small>}
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
