import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { meter } from "../media/meter";

/** The microphone's level; drawn past Preact, ten times a second. */
export function Meter({ stream }: { stream: MediaStream }) {
  const box = useRef<HTMLDivElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => meter(stream, (level) => {
    const percent = Math.round(level * 100);
    bar.current!.style.transform = `scaleX(${level})`;
    box.current!.setAttribute("aria-valuenow", String(percent));
  }), [stream]);
  return (
    <div ref={box} class="meter" role="meter" aria-label={t("micLevel")} aria-valuemin={0} aria-valuemax={100} data-testid="level">
      <div ref={bar} class="meter-bar" />
    </div>
  );
}
