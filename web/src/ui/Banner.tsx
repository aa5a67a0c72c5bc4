import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n";
import type { Trouble } from "../net/errors";

interface Props {
  trouble: Trouble | null;
  retryIn?: number;
  mild?: boolean; // the dub goes on
  onDismiss?(): void;
  onStop?(): void; // ends the waiting
}

/** One sentence on what is wrong and what to do; the server's own words behind it. */
export function Banner({ trouble, retryIn = 0, mild = trouble?.passes ?? false, onDismiss, onStop }: Props) {
  const left = useCountdown(trouble, retryIn);
  if (!trouble) return null;
  return (
    <div class={mild ? "banner mild" : "banner"} role="alert" data-testid="error" data-kind={trouble.kind}>
      <p>
        {t(`e.${trouble.kind}`)}{" "}
        {left > 0 && <span aria-live="off">{t("retryIn", { s: left })}</span>}
        {trouble.detail && <small>{trouble.detail}</small>}
      </p>
      {onDismiss && retryIn === 0 && <button type="button" class="quiet" onClick={onDismiss}>{t("dismiss")}</button>}
      {onStop && <button type="button" class="quiet" data-testid="stop-waiting" onClick={onStop}>{t("stopWaiting")}</button>}
    </div>
  );
}

/** The time of day of an ISO date, "" for none. */
export function untilText(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? "" : `≤ ${at.toLocaleTimeString()}`;
}

function useCountdown(of: unknown, from: number): number {
  const [left, set] = useState(0);
  useEffect(() => {
    set(Math.ceil(from));
    if (from <= 0) return;
    const timer = setInterval(() => set((n) => Math.max(0, n - 1)), 1000);
    return () => clearInterval(timer);
  }, [of, from]);
  return left;
}
