import { t } from "../i18n";
import type { Taping } from "../net/types";

/** Says that the call is being recorded, or that it should be and cannot. */
export function Recorded({ taping }: { taping?: Taping }) {
  if (!taping || taping.state === "off") return null;
  const fails = taping.state === "failing";
  return <p class={`status ${fails ? "short" : "recorded"}`} role="status" title={taping.why} data-testid="recorded" data-state={taping.state}><span class="dot" />{t(fails ? "recordingFails" : "beingRecorded")}</p>;
}
