// A video file as an input: it plays once, in real time, silently here.
import { Trouble } from "../net/errors";
import { limits, within } from "../net/within";
import { stopAll, type End, type Input } from "./input";

type Capturing = HTMLVideoElement & { captureStream?(): MediaStream; mozCaptureStream?(): MediaStream };

/** Opens the video at url. Must be called from a click: browsers let sound start only then. */
export async function openVideo(url: string, missing: "file-unreadable" | "sample-missing"): Promise<Input> {
  const video = document.createElement("video") as Capturing;
  const audio = new AudioContext();
  let release = () => undefined as void;
  const close = () => {
    release();
    video.pause();
    video.removeAttribute("src");
    video.load();
    void audio.close();
    if (url.startsWith("blob:")) URL.revokeObjectURL(url);
  };
  try {
    video.playsInline = true;
    video.preload = "auto";
    video.src = url;
    const [processed] = await Promise.all([runs(audio), within(limits.video, "video-stuck", "the first frame", loaded(video, missing))]);
    const frame = frameOf(video);
    release = frame.release;
    video.muted = !processed; // what is captured stays loud
    const sound = processed ? routed(video, audio) : frame.stream.getAudioTracks();
    if (sound.length === 0) throw new Trouble(frame.drawn ? "sound-missing" : "file-silent");
    const stream = new MediaStream([...frame.stream.getVideoTracks(), ...sound]);
    const stall = stalled(video);
    const ended = new Promise<End>((resolve) => {
      video.addEventListener("ended", () => resolve("finished"));
      video.addEventListener("error", () => resolve("lost"));
      void stall.met.then(() => resolve("stuck"));
    });
    return {
      stream, ended, begin: () => begin(video), pause: () => video.pause(),
      close: () => {
        stall.stop();
        stopAll(stream);
        close();
      },
    };
  } catch (e) {
    close();
    throw e;
  }
}

/**
 * Whether the browser processes sound here. Without a loudspeaker Firefox
 * neither does nor says so: resume() stays open.
 */
export function runs(audio: Pick<AudioContext, "resume">): Promise<boolean> {
  return within(limits.sound, "sound-missing", "sound", audio.resume()).then(() => true, () => false);
}

/** The video's sound by way of WebAudio: to the session and not to the loudspeaker. */
function routed(video: HTMLVideoElement, audio: AudioContext): MediaStreamTrack[] {
  const sound = audio.createMediaStreamDestination();
  audio.createMediaElementSource(video).connect(sound);
  return sound.stream.getAudioTracks();
}

/** Lets the video play. A pause that comes before it does is no failure. */
export async function begin(video: Pick<HTMLVideoElement, "play">): Promise<void> {
  try {
    await within(limits.video, "video-stuck", "playing", video.play());
  } catch (e) {
    if ((e as DOMException)?.name !== "AbortError") throw e;
  }
}

/** Settles `met` once a video that should play has not moved for as long as is waited for. */
export function stalled(video: Pick<HTMLVideoElement, "paused" | "currentTime">): { met: Promise<void>; stop(): void } {
  let [at, stood] = [-1, 0];
  let timer: ReturnType<typeof setInterval> | undefined;
  const met = new Promise<void>((resolve) => {
    timer = setInterval(() => {
      stood = video.paused || video.currentTime !== at ? 0 : stood + 1;
      at = video.currentTime;
      if (stood >= limits.stall) resolve();
    }, 1000);
  });
  return { met, stop: () => clearInterval(timer) };
}

function loaded(video: HTMLVideoElement, missing: "file-unreadable" | "sample-missing"): Promise<void> {
  return new Promise((resolve, reject) => {
    video.addEventListener("loadeddata", () => (video.videoWidth > 0 ? resolve() : reject(new Trouble("file-unreadable"))));
    video.addEventListener("error", () => reject(new Trouble(missing, video.error?.message ?? "")));
  });
}

/** The frame as a stream: by captureStream, the sound too, or drawn onto a canvas where that is missing (Safari). */
function frameOf(video: Capturing): { stream: MediaStream; drawn: boolean; release(): void } {
  const capture = video.captureStream ?? video.mozCaptureStream;
  if (capture) return { stream: capture.call(video), drawn: false, release: () => undefined };
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const brush = canvas.getContext("2d");
  if (!brush || !canvas.captureStream) throw new Trouble("browser-old");
  let id = 0;
  const draw = () => {
    brush.drawImage(video, 0, 0);
    id = video.requestVideoFrameCallback(draw);
  };
  draw();
  return { stream: canvas.captureStream(30), drawn: true, release: () => video.cancelVideoFrameCallback(id) };
}
