import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n";
import { devices, type Devices, type Input } from "../media/input";
import { Meter } from "./Meter";

export type CameraChoice = Devices;

interface Props {
  camera: Input | null;
  choice: CameraChoice;
  open(d: CameraChoice): void;
}

/** Asks for the camera only when the person does; names are known afterwards. */
export function CameraSetup({ camera, choice, open }: Props) {
  const [found, setFound] = useState<{ cameras: MediaDeviceInfo[]; microphones: MediaDeviceInfo[] }>({ cameras: [], microphones: [] });
  useEffect(() => {
    const look = () => void devices().then(setFound, () => undefined);
    look();
    navigator.mediaDevices?.addEventListener("devicechange", look);
    return () => navigator.mediaDevices?.removeEventListener("devicechange", look);
  }, [camera]);
  if (!camera) {
    return <button type="button" class="wide" data-testid="camera-on" onClick={() => open(choice)}>{t("turnOn")}</button>;
  }
  const used = (kind: "audio" | "video") => camera.stream.getTracks().find((x) => x.kind === kind)?.getSettings().deviceId ?? "";
  return (
    <div class="devices">
      <Device id="camera" label={t("cameraPick")} value={choice.camera || used("video")} all={found.cameras} set={(v) => open({ ...choice, camera: v })} />
      <Device id="microphone" label={t("micPick")} value={choice.microphone || used("audio")} all={found.microphones} set={(v) => open({ ...choice, microphone: v })} />
      <Meter stream={camera.stream} />
    </div>
  );
}

function Device({ id, label, value, all, set }: { id: string; label: string; value: string; all: MediaDeviceInfo[]; set(v: string): void }) {
  return (
    <label class="field">
      <span>{label}</span>
      <select data-testid={id} value={value} onChange={(e) => set(e.currentTarget.value)}>
        {all.map((d) => <option key={d.deviceId} value={d.deviceId}>{d.label || label}</option>)}
      </select>
    </label>
  );
}
