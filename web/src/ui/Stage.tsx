import { useEffect, useState } from "preact/hooks";
import { languageName, t } from "../i18n";
import { running, waiting, type LiveState } from "../live/state";
import { limits } from "../net/within";
import { useLate } from "./useLate";
import { Video } from "./Video";

interface Props {
  state: LiveState;
  camera: MediaStream | null; // shown before the start
  badge: boolean;
  canTry: boolean;
  onTry(): void;
  showCamera(on: boolean): void;
}

/** The speaker beside the dub. */
export function Stage({ state, camera, badge, canTry, onTry, showCamera }: Props) {
  const { choice, phase, dubbed } = state;
  const on = running(phase);
  const preview = on ? state.preview : camera;
  const [muted, setMuted] = useState(false);
  const [framed, setFramed] = useState<MediaStream | null>(null); // the stream whose frame is seen
  useEffect(() => {
    if (!dubbed) setFramed(null);
  }, [dubbed]);
  const frame = framed !== null;
  const missing = useLate(phase === "live" && !frame, (state.session?.delay_ms ?? 0) / 1000 + limits.frame);
  const lang = choice?.to[0];
  const off = preview?.getVideoTracks()[0]?.enabled === false;
  const toggle = t(off ? "turnOn" : "cameraOff");
  return (
    <section class="stage" aria-label={t("dubbed")}>
      <figure class={preview ? "view" : "view vacant"}>
        <Video stream={preview} muted testid="preview-video" label={t("original")} />
        {!preview && <div class="empty">{t("previewEmpty")}</div>}
        {phase === "finishing" && <div class="empty">{t("spokenOut")}</div>}
        {on && choice?.kind === "camera" && preview && (
          <button type="button" class="round" aria-pressed={off} aria-label={toggle} title={toggle} data-testid="camera-toggle" onClick={() => showCamera(off)}>
            <CameraIcon off={off} />
          </button>
        )}
        <figcaption>{t("original")}{on && choice && ` · ${languageName(choice.from)}`}</figcaption>
      </figure>
      <figure class="view dub">
        <Video stream={dubbed} coming={state.coming} muted={muted} testid="dubbed-video" label={t("dubbed")} onFrame={() => setFramed(dubbed)} onSilenced={() => setMuted(true)} />
        {!on && (
          <div class="empty try">
            <button type="button" class="primary big" data-testid="try-sample" disabled={!canTry} onClick={onTry}>
              <PlayIcon />{t("sample")}
            </button>
            <p>{t("sampleHint")}</p>
          </div>
        )}
        {on && !frame && <div class="empty" role="status">{missing ? t("dubMissing") : <><span class="spinner" />{t(waiting(state) ? "waitingPlace" : phase === "starting" ? "starting" : "filling")}</>}</div>}
        {on && frame && (phase === "reconnecting" || framed !== dubbed) && <Notice />}
        {badge && on && frame && <span class="badge" data-testid="badge">{t("badge")}</span>}
        {on && frame && (
          <button type="button" class="round" aria-pressed={muted} aria-label={t(muted ? "unmute" : "mute")} title={t(muted ? "unmute" : "mute")} data-testid="mute" onClick={() => setMuted(!muted)}>
            <SoundIcon off={muted} />
          </button>
        )}
        <figcaption>{t("dubbed")}{on && lang && ` · ${languageName(lang)}`}</figcaption>
      </figure>
    </section>
  );
}

/** Over a frame that stands still. */
export function Notice() {
  return <p class="notice" role="status" data-testid="notice"><span class="spinner" />{t("reconnecting")}</p>;
}

function PlayIcon() {
  return <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true"><path d="M7 4.5v15l13-7.5z" fill="currentColor" /></svg>;
}

function CameraIcon({ off }: { off: boolean }) {
  return (
    <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">
      <path d="M3.5 7.5h11v9h-11zM14.5 11l6-3v8l-6-3" />
      {off && <path d="m3 3.5 18 17" />}
    </svg>
  );
}

export function SoundIcon({ off }: { off: boolean }) {
  return (
    <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">
      <path d="M4 9.5v5h3.5L12 19V5L7.5 9.5z" fill="currentColor" />
      {off ? <path d="m16 9.5 5 5m0-5-5 5" /> : <path d="M15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11" />}
    </svg>
  );
}
