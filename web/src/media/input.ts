// Where picture and voice come from. An input gives one stream, tells when it
// has ended, and lets go of everything on close.
import { Trouble, cameraTrouble } from "../net/errors";

export interface Input {
  stream: MediaStream;
  /** Settles when there is nothing more to come; never for a camera that stays. */
  ended: Promise<"finished" | "lost">;
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

export async function openCamera(d: Devices): Promise<Input> {
  if (!navigator.mediaDevices?.getUserMedia) throw new Trouble("camera-insecure");
  const pick = (id: string) => (id ? { deviceId: { exact: id } } : {});
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { ...pick(d.camera), width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } },
      audio: { ...pick(d.microphone), channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
  } catch (e) {
    throw cameraTrouble(e);
  }
  const ended = new Promise<"lost">((resolve) => {
    for (const t of stream.getTracks()) t.addEventListener("ended", () => resolve("lost"));
  });
  return { stream, ended, begin: async () => undefined, pause: () => undefined, close: () => stopAll(stream) };
}

export const stopAll = (s: MediaStream): void => s.getTracks().forEach((t) => t.stop());

/** Cameras and microphones; their names are known once the person has allowed one. */
export async function devices(): Promise<{ cameras: MediaDeviceInfo[]; microphones: MediaDeviceInfo[] }> {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const of = (kind: string) => all.filter((d) => d.kind === kind && d.deviceId !== "");
  return { cameras: of("videoinput"), microphones: of("audioinput") };
}
