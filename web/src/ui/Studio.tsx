import { useEffect, useRef, useState } from "preact/hooks";
import { useStore } from "../core/store";
import { readWords } from "../core/words";
import { t } from "../i18n";
import { Live } from "../live/session";
import { running, waiting, type LiveState, type Phase, type SourceKind } from "../live/state";
import { openCamera, type Input } from "../media/input";
import { openVideo } from "../media/player";
import { Trouble, asTrouble } from "../net/errors";
import { ownRecording, remember } from "../net/mine";
import { keptKey } from "../net/mouths";
import { Banner, untilText } from "./Banner";
import { Board } from "./Board";
import { Captions } from "./Captions";
import { expose } from "./expose";
import { Header } from "./Header";
import { Plots } from "./Plots";
import { Recorded } from "./Recorded";
import { Running } from "./Running";
import { Setup, type Form } from "./Setup";
import { Stage } from "./Stage";
import { usePairs } from "./usePairs";
import { Waterfall } from "./Waterfall";

const blank: Form = { kind: "camera", from: "", to: "", also: [], profile: "sync", consent: false, badge: true, keep: "", keepMouths: keptKey() !== "", file: null, devices: { camera: "", microphone: "" } };

/** The speaker's page. */
export function Studio() {
  const [live] = useState(() => new Live());
  const state = useStore(live.store);
  const { pairs, record, keeps, mouths, trouble: pairsTrouble, retryIn } = usePairs();
  const [form, setForm] = useState(blank);
  const [camera, setCamera] = useState<Input | null>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [nudge, setNudge] = useState<"" | "consent" | "file">("");
  const on = running(state.phase);
  const chosen = withPair(form, pairs ?? []);
  const change = (f: Partial<Form>) => (setNudge(""), setForm((old) => ({ ...old, ...f })));
  expose(live);

  const [kept, setKept] = useState(""); // the recording of the last call
  const taped = ownRecording(state.session);
  useEffect(() => {
    if (taped) setKept(taped), remember(taped);
  }, [taped]);

  const held = useRef(camera);
  held.current = camera;
  const asked = useRef(0); // how often the camera was asked for; an answer to an earlier question is not wanted
  useEffect(() => {
    const leave = () => live.stop(true);
    addEventListener("pagehide", leave);
    return () => {
      removeEventListener("pagehide", leave);
      live.stop();
      held.current?.close();
      asked.current++;
    };
  }, [live]);

  const turnOn = async (devices: Form["devices"]) => {
    setTrouble(null);
    change({ devices });
    held.current?.close();
    setCamera(null);
    const mine = ++asked.current;
    try {
      const camera = await openCamera(devices);
      if (mine === asked.current) setCamera(camera);
      else camera.close();
    } catch (e) {
      if (mine === asked.current) setTrouble(asTrouble(e));
    }
  };

  const run = (kind: SourceKind, open: () => Promise<Input>) => {
    setTrouble(null);
    // The sample speaks its own language, whatever the camera's speaker does.
    const { from, to, also, profile, badge } = kind === "sample" ? withPair({ ...chosen, from: sampleOf(pairs ?? []).from }, pairs ?? []) : chosen;
    setCamera(null);
    asked.current++;
    void live.start({ kind, from, to: [to, ...also], profile, badge, keep: readWords(form.keep).words, keepMouths: kind === "camera" && mouths && form.keepMouths }, open);
  };

  const start = () => {
    if (form.kind === "file" && !form.file) return setNudge("file");
    if (!form.consent) {
      setNudge("consent");
      document.getElementById("consent")?.focus();
      return;
    }
    const { file } = form;
    if (form.kind === "file" && file) run("file", () => openVideo(URL.createObjectURL(file), "file-unreadable"));
    else run("camera", async () => camera ?? openCamera(form.devices));
  };

  const shown = state.trouble ?? trouble ?? (on ? null : pairsTrouble);
  const dismiss = () => (setTrouble(null), live.store.set({ trouble: null }));
  return (
    <div class="page">
      <Header>
        {on ? <Recorded taping={state.session?.recording} /> : keeps && <a href="#/recordings" data-testid="recordings-link">{t("recordings")}</a>}
        <Chip state={state} />
      </Header>
      {shown || !on || !(state.lacks || state.draining)
        ? <Banner trouble={shown} retryIn={shown === pairsTrouble ? retryIn : state.retryIn} onDismiss={state.phase === "reconnecting" ? undefined : dismiss} onStop={waiting(state) ? () => live.stop() : undefined} />
        : <Banner trouble={state.lacks ? new Trouble(state.lacks) : new Trouble("draining", untilText(state.draining))} mild />}
      {!on && kept && <p class="card kept"><a href={`#/recordings/${encodeURIComponent(kept)}`} data-testid="kept-link">{t("recordingThere")}</a></p>}
      <main class="studio">
        <Stage state={state} camera={camera?.stream ?? null} badge={form.badge} canTry={!!chosen.to} showCamera={(on) => live.showCamera(on)} onTry={() => {
          camera?.close();
          run("sample", () => openVideo(new URL(sampleOf(pairs ?? []).file, document.baseURI).href, "sample-missing"));
        }} />
        {on
          ? <Running state={state} pairs={pairs ?? []} keep={form.keep} changeKeep={(keep) => change({ keep })} setKeep={(words) => void live.setKeep(words)} setLips={(lang, on) => void live.setLips(lang, on)} onStop={() => live.stop()} />
          : <Setup form={chosen} change={change} pairs={pairs} camera={camera} setCamera={turnOn} nudge={nudge} record={record} mouths={mouths} onStart={start} />}
        {on && state.session?.dubs && <Board session={state.session} pairs={pairs ?? []} dumped={state.dumped} acts={live.desk} />}
        <Captions rows={state.rows} from={state.choice?.from ?? chosen.from} to={state.choice?.to[0] ?? chosen.to} />
        {state.choice ? <><Plots state={state} /><Waterfall falls={state.falls} /></> : <Flow />}
      </main>
      <footer><a href="./healthz">health</a></footer>
    </div>
  );
}

type Ways = readonly { from: string; to: string }[];

const samples = [
  { from: "es", to: "pt", file: "sample-es.mp4" }, // the better one: it needs a recognizer of Spanish
  { from: "en", to: "es", file: "sample.mp4" },
];

/** The sample that is offered where these pairs work, and the pair that it is dubbed in first. */
const sampleOf = (pairs: Ways) => samples.find((s) => pairs.some((p) => p.from === s.from && p.to === s.to)) ?? samples[1]!;

/** The form with a pair that works; sample and camera speak what was chosen, at first the sample's pair. */
function withPair(form: Form, pairs: Ways): Form {
  const first = sampleOf(pairs).from;
  const from = pairs.some((p) => p.from === form.from) ? form.from : (pairs.find((p) => p.from === first) ?? pairs[0])?.from ?? "";
  const to = pairs.filter((p) => p.from === from);
  const usual = samples.find((s) => s.from === from)?.to;
  const wanted = to.find((p) => p.to === form.to) ?? to.find((p) => p.to === usual) ?? to[0];
  return { ...form, from, to: wanted?.to ?? "" };
}

const phases: Record<Phase, "idle" | "starting" | "liveNow" | "reconnecting" | "finishing" | "ended"> = {
  idle: "idle", starting: "starting", live: "liveNow", reconnecting: "reconnecting", finishing: "finishing", ended: "ended",
};

function Chip({ state }: { state: LiveState }) {
  const { phase } = state;
  return <p class={`status ${phase}`} role="status" data-testid="phase" data-phase={phase}><span class="dot" />{t(waiting(state) ? "waitingPlace" : phases[phase])}</p>;
}

function Flow() {
  return (
    <section class="flow">
      <h2>{t("howItWorks")}</h2>
      <img src="./flow.svg" width="1000" height="430" alt={t("flowAlt")} />
    </section>
  );
}
