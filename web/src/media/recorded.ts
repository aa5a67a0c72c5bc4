// Plays a recording in one video element: a language's MP4 where there is one, else its
// playlist by Media Source Extensions. Times are recording time, so that one language goes
// on where another was left.
import type Hls from "hls.js";
import { placeOf, recordingTime, type Stretch } from "../core/recording";
import { Trouble } from "../net/errors";
import type { RecordedLanguage } from "../net/recordings";
import { limits, within } from "../net/within";

/** What the server is asked to send itself: the page's policy lets it load from nowhere else. */
const throughServer = "?through=server";

export class Recorded {
  private hls: Hls | null = null;
  private parts: () => readonly Stretch[] = () => [];
  private stopped = new AbortController();
  /** A segment or the file is there no more, or cannot be played. */
  onLost: (why: Trouble) => void = () => undefined;

  /** @param created when the recording began, ms since 1970 */
  constructor(private readonly video: HTMLVideoElement, private readonly created: number) {}

  /** Recording time, in seconds. */
  get now(): number {
    const { currentTime } = this.video;
    return this.hls ? (recordingTime(this.parts(), this.created, currentTime) ?? currentTime) : currentTime;
  }

  /** Goes to a recording time. */
  seek(t: number): void {
    this.video.currentTime = this.hls ? placeOf(this.parts(), this.created, t) : t;
  }

  /** Shows a language from recording time t on. What was shown before ends. */
  async open(lang: RecordedLanguage, t: number, play: boolean): Promise<void> {
    this.close();
    const { signal } = (this.stopped = new AbortController());
    const rate = this.video.playbackRate;
    if (lang.file) await this.file(lang.file, t, signal);
    else if (lang.playlist) await this.playlist(lang.playlist, t, signal);
    if (signal.aborted) return;
    this.video.playbackRate = rate;
    // Where the browser wants a touch first, its own button starts it.
    if (play) await this.video.play().catch(() => undefined);
  }

  close(): void {
    this.stopped.abort(new DOMException("another is shown", "AbortError"));
    this.hls?.destroy();
    this.hls = null;
    this.parts = () => [];
  }

  private async file(url: string, t: number, signal: AbortSignal): Promise<void> {
    const v = this.video;
    v.src = url + throughServer;
    v.load();
    await this.comes("loadedmetadata", signal);
    if (signal.aborted) return;
    v.currentTime = Math.min(t, v.duration || t);
    await this.comes("canplay", signal);
  }

  private async playlist(url: string, t: number, signal: AbortSignal): Promise<void> {
    const loaded = import("hls.js");
    const { default: Player } = await within(limits.browser, "browser-stuck", "the player", loaded);
    if (signal.aborted) return;
    if (!Player.isSupported()) throw new Trouble("browser-old");
    const hls = new Player({ enableWorker: false, autoStartLoad: false, lowLatencyMode: false });
    this.hls = hls;
    let details: readonly Stretch[] = [];
    this.parts = () => details;
    let mended = false;
    hls.on(Player.Events.LEVEL_LOADED, (_, data) => {
      const first = details.length === 0;
      details = data.details.fragments;
      if (first && details.length > 0) hls.startLoad(placeOf(details, this.created, t));
    });
    hls.on(Player.Events.ERROR, (_, data) => {
      if (!data.fatal) return;
      if (data.type === Player.ErrorTypes.MEDIA_ERROR && !mended) {
        mended = true;
        return hls.recoverMediaError();
      }
      this.onLost(new Trouble("recording-stuck", data.details));
    });
    hls.loadSource(url);
    hls.attachMedia(this.video);
    await this.comes("canplay", signal);
  }

  /** Waits for an event of the element's, or until something else is shown. */
  private comes(what: "loadedmetadata" | "canplay", signal: AbortSignal): Promise<void> {
    const v = this.video;
    const over = new AbortController();
    const came = new Promise<void>((resolve, reject) => {
      const one = { once: true, signal: over.signal };
      v.addEventListener(what, () => resolve(), one);
      signal.addEventListener("abort", () => resolve(), one);
      v.addEventListener("error", () => reject(new Trouble("recording-stuck", v.error?.message)), one);
      if (signal.aborted) resolve();
    });
    return within(limits.video, "recording-stuck", what, came).finally(() => over.abort());
  }
}
