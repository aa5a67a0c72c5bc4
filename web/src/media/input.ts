// Where video and voice come from. An input gives one stream, tells when it
// has ended, and lets go of everything on close.
import { Trouble, cameraTrouble, type Kind } from "../net/errors";
import { limits, within } from "../net/within";

/** How an input ends: a file has played, could not be read further, or stood still. */
export type End = "finished" | "lost" | "stuck";

export interface Input {
  stream: MediaStream;
  /** Settles when there is nothing more to come; never for a camera, which may come back. */
  ended: Promise<End>;
  /** Told of each track that has taken a lost one's place in the stream. */
  onReturn?: (t: MediaStreamTrack) => void;
  /** Somebody receives: go on. */
  begin(): Promise<void>;
  /** Nobody receives: a file waits, a camera cannot. */
  pause(): void;
  close(): void;
}

export interface Devices {
  camera: string; // device id, "" for the browser's choice
  microphone: string;
}

const voice = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export async function openCamera(d: Devices): Promise<Input> {
  if (!navigator.mediaDevices?.getUserMedia) throw new Trouble("camera-insecure");
  const pick = (id: string) => (id ? { deviceId: { exact: id } } : {});
  let stream: MediaStream;
  try {
    stream = await ask({
      video: { ...pick(d.camera), width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } },
      audio: { ...pick(d.microphone), ...voice },
    });
  } catch (e) {
    throw cameraTrouble(e);
  }
  const input: Input = { stream, ended: new Promise(() => undefined), begin: async () => undefined, pause: () => undefined, close: () => undefined };
  const release = awaitReturn(input);
  input.close = () => {
    release();
    stopAll(stream);
  };
  return input;
}

/** Asks for devices. A person may look at the browser's question for ever: what they allow too late is let go of. */
function ask(wanted: MediaStreamConstraints): Promise<MediaStream> {
  return within(limits.person, "camera-unanswered", "camera and microphone", navigator.mediaDevices.getUserMedia(wanted), stopAll);
}

/** Has a device that was unplugged take its place again when it is back; the same device, no other: a person chose it. */
function awaitReturn(input: Input): () => void {
  const { stream } = input;
  const used = new Map(stream.getTracks().map((t) => [t.kind, t.getSettings()]));
  let closed = false;
  let asking = false;
  const reopen = async (old: MediaStreamTrack) => {
    const { deviceId, width, height, frameRate } = used.get(old.kind)!;
    const same = { deviceId: { exact: deviceId! } };
    const fresh = await ask(old.kind === "video" ? { video: { ...same, width, height, frameRate } } : { audio: { ...same, ...voice } });
    if (closed) return stopAll(fresh);
    const track = fresh.getTracks()[0]!;
    track.enabled = old.enabled;
    stream.removeTrack(old);
    stream.addTrack(track);
    input.onReturn?.(track);
  };
  const look = async () => {
    if (asking) return;
    asking = true;
    // What is still away is asked for at the next change.
    for (const t of stream.getTracks()) if (t.readyState === "ended") await reopen(t).catch(() => undefined);
    asking = false;
  };
  navigator.mediaDevices.addEventListener("devicechange", look);
  return () => {
    closed = true;
    navigator.mediaDevices.removeEventListener("devicechange", look);
  };
}

/** What keeps a camera's frame or a microphone's sound from going out by pc; null where both do. */
export function lacking(stream: MediaStream, pc?: RTCPeerConnection): Kind | null {
  const [camera] = stream.getVideoTracks();
  const [microphone] = stream.getAudioTracks();
  const paused = (kind: string) => pc?.getTransceivers().some((x) => x.receiver.track.kind === kind && !x.sender.track);
  if (microphone?.readyState === "ended") return "microphone-lost";
  if (microphone?.muted || paused("audio")) return "microphone-still";
  if (camera?.readyState === "ended") return "camera-lost";
  if (camera && !camera.enabled) return "camera-off";
  return camera?.muted || paused("video") ? "camera-still" : null;
}

export const stopAll = (s: MediaStream): void => s.getTracks().forEach((t) => t.stop());

/** Cameras and microphones; their names are known once the person has allowed one. */
export async function devices(): Promise<{ cameras: MediaDeviceInfo[]; microphones: MediaDeviceInfo[] }> {
  if (!navigator.mediaDevices) return { cameras: [], microphones: [] };
  const all = await within(limits.browser, "browser-stuck", "the list of devices", navigator.mediaDevices.enumerateDevices());
  const of = (kind: string) => all.filter((d) => d.kind === kind && d.deviceId !== "");
  return { cameras: of("videoinput"), microphones: of("audioinput") };
}
