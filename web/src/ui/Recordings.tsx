import { useEffect, useState } from "preact/hooks";
import { clockText, sizeText } from "../core/recording";
import { languageName, locale, t } from "../i18n";
import { asTrouble, type Trouble } from "../net/errors";
import { forget, mine, remember } from "../net/mine";
import { erase, list, recording, rightOf, type Page, type Recording } from "../net/recordings";
import { Banner } from "./Banner";
import { Header } from "./Header";

const tokenAt = "livedub.operator"; // in the tab's own storage: it ends with the tab

/** What was recorded: all of it for the operator and on the server's own machine, else what was made with this browser. */
export function Recordings() {
  const [page, setPage] = useState<Page | null>(null);
  const [own, setOwn] = useState(false); // only those made with this browser are shown
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [token, setToken] = useState(() => sessionStorage.getItem(tokenAt) ?? "");
  const [asked, setAsked] = useState(0);

  useEffect(() => {
    const stop = new AbortController();
    void load(token, stop.signal).then(
      (found) => (setPage(found.page), setOwn(found.own), setTrouble(null)),
      (e) => stop.signal.aborted || setTrouble(asTrouble(e)),
    );
    return () => stop.abort();
  }, [token, asked]);
  const growing = page && (page.recordings.length === 0 || page.recordings.some((r) => r.state === "growing")); // a call may just have begun
  useEffect(() => {
    if (!growing) return;
    const timer = setInterval(() => setAsked((n) => n + 1), 5000);
    return () => clearInterval(timer);
  }, [growing]);

  const more = () => void list(token, page!.next).then((p) => setPage({ ...p, recordings: [...page!.recordings, ...p.recordings] }), (e) => setTrouble(asTrouble(e)));
  const remove = async (r: Recording) => {
    try {
      await erase(r.control!);
      forget(r.id);
      setPage((p) => p && { ...p, recordings: p.recordings.filter((x) => x.id !== r.id) });
    } catch (e) {
      setTrouble(asTrouble(e));
    }
  };
  return (
    <div class="page">
      <Header><a href="#">{t("backToStudio")}</a></Header>
      <Banner trouble={trouble} onDismiss={() => setTrouble(null)} />
      <main class="recordings">
        <h1>{t("recordings")}</h1>
        {own && <Operator tried={token !== ""} use={(v) => (sessionStorage.setItem(tokenAt, v), setToken(v))} />}
        {!page && !trouble && <p class="hint" role="status"><span class="spinner" />{t("recordingsLoading")}</p>}
        {page && page.recordings.length === 0 && <p class="card" data-testid="recordings-empty">{t(own ? "recordingsNoneOwn" : "recordingsNone")}</p>}
        <ul>{page?.recordings.map((r) => <Line key={r.id} r={r} remove={() => void remove(r)} />)}</ul>
        {page?.next && <button type="button" class="wide" onClick={more}>{t("recordingsMore")}</button>}
      </main>
    </div>
  );
}

async function load(token: string, signal: AbortSignal): Promise<{ page: Page; own: boolean }> {
  try {
    return { page: await list(token, "", signal), own: false };
  } catch (e) {
    if (asTrouble(e).kind !== "session-gone") throw e; // it says so to who may not see all
  }
  const one = async (id: string): Promise<Recording | null> => {
    try {
      const r = await recording(id, signal);
      if (r.control) remember(rightOf(r.control)); // who uses a right keeps it
      return r;
    } catch (e) {
      signal.throwIfAborted();
      if (asTrouble(e).kind === "session-gone") forget(id);
      return null;
    }
  };
  const found = await Promise.all(mine().map(one));
  return { page: { recordings: found.filter((r) => r !== null) }, own: true };
}

/** Lets the operator say who they are. */
function Operator({ tried, use }: { tried: boolean; use(token: string): void }) {
  const [text, setText] = useState("");
  return (
    <form class="card operator" data-testid="operator" onSubmit={(e) => (e.preventDefault(), text && use(text))}>
      <p>{t("recordingsOwnOnly")}</p>
      <label class="field"><span>{t("operatorToken")}</span>
        <input type="password" autocomplete="off" value={text} onInput={(e) => setText(e.currentTarget.value)} />
      </label>
      <button type="submit">{t("recordingsShowAll")}</button>
      {tried && <p class="wrong" role="alert">{t("operatorTokenWrong")}</p>}
    </form>
  );
}

function Line({ r, remove }: { r: Recording; remove(): void }) {
  const [sure, setSure] = useState(false);
  return (
    <li class="card" data-testid="recording" data-id={r.id} data-state={r.state}>
      <div>
        <h2><a href={`#/recordings/${encodeURIComponent(rightOf(r.watch))}`}>{r.session}</a> <State r={r} /></h2>
        <p class="hint">
          <time dateTime={r.created}>{new Date(r.created).toLocaleString(locale)}</time>
          <span>{clockText(r.duration)}</span>
          <span>{sizeText(r.bytes)}</span>
        </p>
        <p class="langs">{r.languages.map((l) => <span key={l.lang} class="lang">{languageName(l.lang)}{l.original && ` · ${t("original")}`}</span>)}</p>
      </div>
      {r.control && !sure && <button type="button" class="quiet" data-testid="recording-delete" onClick={() => setSure(true)}>{t("delete")}</button>}
      {sure && (
        <div class="sure" role="alertdialog" aria-label={t("deleteSure")}>
          <p>{t("deleteSure")}</p>
          <button type="button" class="danger" data-testid="recording-delete-sure" onClick={() => (setSure(false), remove())}>{t("deleteYes")}</button>
          <button type="button" class="quiet" onClick={() => setSure(false)}>{t("deleteNo")}</button>
        </div>
      )}
    </li>
  );
}

/** How a recording stands, where that is not simply well. */
export function State({ r }: { r: Recording }) {
  if (r.state === "growing") return <span class="status recorded"><span class="dot" />{t("beingRecorded")}</span>;
  if (r.state === "cut_short") return <span class="status short" title={r.why}>{t("cutShort")}</span>;
  return null;
}
