import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { meter } from "../media/meter";

/** The microphone's level; drawn past Preact, ten times a second. */
export function Meter({ stream }: { stream: MediaStream }) {
  const box = useRef<HTMLDivElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // An effect ends later than its refs do: it keeps the elements themselves.
    const [outer, inner] = [box.current!, bar.current!];
    return meter(stream, (level) => {
      inner.style.transform = `scaleX(${level})`;
      outer.setAttribute("aria-valuenow", String(Math.round(level * 100)));
    });
  }, [stream]);
  return (
    <div ref={box} class="meter" role="meter" aria-label={t("micLevel")} aria-valuemin={0} aria-valuemax={100} data-testid="level">
      <div ref={bar} class="meter-bar" />
    </div>
  );
}
