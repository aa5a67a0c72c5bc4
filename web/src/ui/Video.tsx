import { useEffect, useRef } from "preact/hooks";

interface Props {
  stream: MediaStream | null;
  muted: boolean;
  testid: string;
  label: string;
  hidden?: boolean;
  onFrame?(): void;
  /** The browser lets this page make no sound before somebody touched it. */
  onSilenced?(): void;
}

/** Plays a stream. */
export function Video({ stream, muted, testid, label, hidden, onFrame, onSilenced }: Props) {
  const ref = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const v = ref.current!;
    v.muted = muted;
    if (v.srcObject !== stream) v.srcObject = stream;
    if (!stream) return;
    v.play().catch((e: DOMException) => {
      if (e.name !== "NotAllowedError" || v.muted) return; // a newer stream came: it plays by itself
      v.muted = true;
      onSilenced?.();
      v.play().catch(() => undefined);
    });
  }, [stream, muted]);
  useEffect(() => {
    const v = ref.current!; // the ref is empty by the time that the effect ends
    return () => void (v.srcObject = null);
  }, []);
  return <video ref={ref} data-testid={testid} aria-label={label} playsInline autoPlay class={hidden ? "off" : undefined} onLoadedData={onFrame} />;
}
