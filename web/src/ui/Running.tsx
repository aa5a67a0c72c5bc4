import { languageName, t } from "../i18n";
import type { LiveState } from "../live/state";
import type { Pair } from "../net/types";
import { Links } from "./Links";

interface Props {
  state: LiveState;
  pairs: Pair[];
  badge: boolean;
  setBadge(on: boolean): void;
  onStop(): void;
}

/** What is being dubbed, how to end it, and how others can watch. */
export function Running({ state, pairs, badge, setBadge, onStop }: Props) {
  const { choice, session } = state;
  if (!choice) return null;
  const quality = pairs.find((p) => p.from === choice.from && p.to === choice.to[0])?.quality;
  return (
    <div class="setup card running">
      <h2>{languageName(choice.from)} → {choice.to.map(languageName).join(", ")}</h2>
      {quality && <p class="hint" data-testid="quality"><span class="dot" />{quality}</p>}
      <button type="button" class="primary danger wide" data-testid="stop" onClick={onStop}>{t("stop")}</button>
      {choice.kind === "camera" && <p class="hint">{t("headphones")}</p>}
      <p class="hint"><b>{t(choice.profile)}.</b> {t(`${choice.profile}Hint`)}</p>
      <label class="check small">
        <input type="checkbox" checked={badge} data-testid="badge-toggle" onChange={(e) => setBadge(e.currentTarget.checked)} />
        <span>{t("showBadge")}</span>
      </label>
      {session && <Links session={session} />}
    </div>
  );
}
