// A video file as an input: it plays once, in real time, silently here.
import { Trouble } from "../net/errors";
import type { Input } from "./input";
import { stopAll } from "./input";

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
    await loaded(video, missing);
    // Through WebAudio the sound goes to the session and not to the loudspeaker.
    const sound = audio.createMediaStreamDestination();
    audio.createMediaElementSource(video).connect(sound);
    const picture = pictureOf(video);
    release = picture.release;
    await audio.resume();
    const stream = new MediaStream([...picture.stream.getVideoTracks(), ...sound.stream.getAudioTracks()]);
    const ended = new Promise<"finished" | "lost">((resolve) => {
      video.addEventListener("ended", () => resolve("finished"));
      video.addEventListener("error", () => resolve("lost"));
    });
    return {
      stream, ended, begin: () => begin(video), pause: () => video.pause(),
      close: () => {
        stopAll(stream);
        close();
      },
    };
  } catch (e) {
    close();
    throw e;
  }
}

/** Lets the video play. A pause that comes before it does is no failure. */
export async function begin(video: Pick<HTMLVideoElement, "play">): Promise<void> {
  try {
    await video.play();
  } catch (e) {
    if ((e as DOMException)?.name !== "AbortError") throw e;
  }
}

function loaded(video: HTMLVideoElement, missing: "file-unreadable" | "sample-missing"): Promise<void> {
  return new Promise((resolve, reject) => {
    video.addEventListener("loadeddata", () => (video.videoWidth > 0 ? resolve() : reject(new Trouble("file-unreadable"))));
    video.addEventListener("error", () => reject(new Trouble(missing, video.error?.message ?? "")));
  });
}

/** The picture as a stream: by captureStream, or drawn onto a canvas where that is missing (Safari). */
function pictureOf(video: Capturing): { stream: MediaStream; release(): void } {
  const capture = video.captureStream ?? video.mozCaptureStream;
  if (capture) return { stream: capture.call(video), release: () => undefined };
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
  return { stream: canvas.captureStream(30), release: () => video.cancelVideoFrameCallback(id) };
}
