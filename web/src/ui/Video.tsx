import { useLayoutEffect, useReducer, useRef } from "preact/hooks";
import { framed, show } from "../media/framed";
import { leaving } from "../net/whip";

interface Props {
  stream: MediaStream | null;
  /** The same from another place: it plays unseen and unheard until it is `stream`. */
  coming?: MediaStream | null;
  muted: boolean;
  testid: string;
  label: string;
  hidden?: boolean;
  onFrame?(): void;
  /** The browser lets this page make no sound before somebody touched it. */
  onSilenced?(): void;
}

const keys = new WeakMap<MediaStream, number>(); // streams from different nodes may bear one id
let made = 0;

/** Plays a stream. When it ends, or another takes its place, its last frame stays until that one has a frame. */
export function Video({ stream, coming = null, muted, testid, label, hidden, onFrame, onSilenced }: Props) {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const last = useRef<MediaStream | null>(null); // whose frame was seen last
  const ready = stream !== null && framed(stream);
  if (ready || !stream) last.current = stream;
  const shown = last.current ?? stream;
  useLayoutEffect(() => {
    if (ready) onFrame?.();
  }, [stream, ready]);
  const all = [...new Set([shown, stream, stream && coming])].filter((s) => s !== null);
  for (const s of all) if (!keys.has(s)) keys.set(s, ++made);
  const off = (yes?: boolean) => (yes ? "off" : undefined);
  if (all.length === 0) return <video data-testid={testid} aria-label={label} playsInline class={off(hidden)} />;
  return (
    <>
      {all.map((s) => (
        <Player key={keys.get(s)} stream={s} muted={muted || s !== stream} testid={s === shown ? testid : `${testid}-coming`} label={label} class={off(hidden || s !== shown)}
          onSilenced={onSilenced} onFrame={() => (show(s), redraw(0))} />
      ))}
    </>
  );
}

interface PlayerProps extends Pick<Props, "muted" | "testid" | "label" | "onFrame" | "onSilenced"> {
  stream: MediaStream;
  class?: string;
}

function Player({ stream, muted, testid, label, onFrame, onSilenced, ...rest }: PlayerProps) {
  const ref = useRef<HTMLVideoElement>(null);
  const last = useRef<HTMLCanvasElement>(null);
  // Before the browser paints: one player falls silent as the other begins to sound.
  useLayoutEffect(() => {
    const v = ref.current!;
    v.muted = muted;
    if (v.srcObject !== stream) v.srcObject = stream;
    v.play().catch((e: DOMException) => {
      if (e.name !== "NotAllowedError" || v.muted) return; // it is taken away again, or plays by itself
      v.muted = true;
      onSilenced?.();
      v.play().catch(() => undefined);
    });
  }, [stream, muted]);
  useLayoutEffect(() => {
    const [v, c] = [ref.current!, last.current!]; // the refs are empty by the time that the effect ends
    c.hidden = true;
    const hold = () => keepFrame(v, c);
    stream.addEventListener(leaving, hold);
    return () => {
      stream.removeEventListener(leaving, hold);
      v.srcObject = null;
    };
  }, [stream]);
  const look = () => {
    if (ref.current?.videoWidth) onFrame?.(); // of sound alone there is data too
  };
  return (
    <>
      <video ref={ref} data-testid={testid} aria-label={label} playsInline autoPlay class={rest.class} onLoadedData={look} onResize={look} />
      <canvas ref={last} data-testid={`${testid}-frame`} aria-hidden="true" class={rest.class} />
    </>
  );
}

/** Draws what is seen onto a canvas before it is gone. */
export function keepFrame(v: HTMLVideoElement, c: HTMLCanvasElement): void {
  if (!v.videoWidth) return;
  c.width = v.videoWidth;
  c.height = v.videoHeight;
  c.getContext("2d")?.drawImage(v, 0, 0);
  c.hidden = false;
}
