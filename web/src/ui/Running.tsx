import { languageName, t } from "../i18n";
import type { LiveState } from "../live/state";
import type { KeptMouths, LipsState, Mouths, Pair } from "../net/types";
import { Keep } from "./Keep";
import { Links } from "./Links";
import { Outputs } from "./Outputs";

interface Props {
  state: LiveState;
  pairs: Pair[];
  keep: string; // words that are not translated, one a line
  changeKeep(text: string): void;
  setKeep(words: string[]): void;
  setLips(lang: string, on: boolean): void;
  onStop(): void;
}

/** What is being dubbed, how to end it, and how others can watch. */
export function Running({ state, pairs, keep, changeKeep, setKeep, setLips, onStop }: Props) {
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
      {choice.to.map((lang) => <Lips key={lang} lang={lang} state={session?.dubs?.[lang]?.lips} alone={choice.to.length === 1} set={(on) => setLips(lang, on)} />)}
      {choice.to.some((lang) => session?.dubs?.[lang]?.lips === "on") && <Learned mouths={session?.mouths} kept={session?.kept_mouths} />}
      <Keep text={keep} change={changeKeep} done={setKeep} />
      {session && <Links session={session} />}
      {session && <Outputs session={session} langs={choice.to} />}
    </div>
  );
}

/** Whether the speaker's own mouths are known yet, and how much speech that took. */
function Learned({ mouths, kept }: { mouths?: Mouths; kept?: KeptMouths }) {
  if (!mouths) return null;
  const { known, enough, ready_s: ready } = mouths;
  const learned = ready === null ? t("mouthsLearning", { known: Math.min(known, enough), enough }) : t("mouthsLearned", { s: ready.toFixed(1) });
  return (
    <>
      <p class="hint" data-testid="mouths" data-ready={ready ?? undefined} data-kept={kept?.state}>{kept?.state === "warm" ? t("mouthsWarm") : learned}</p>
      {kept && (kept.state === "waiting" || kept.keeps) && <p class="hint" data-testid="mouths-kept">{t(kept.state === "waiting" ? "mouthsOther" : "mouthsKept")}</p>}
    </>
  );
}

/** Whether one dub's mouth is re-rendered, and why it cannot be. */
function Lips({ lang, state, alone, set }: { lang: string; state?: LipsState; alone: boolean; set(on: boolean): void }) {
  const never = state === "no consent" || state === "not available";
  return (
    <label class="check small">
      <input type="checkbox" checked={state === "on"} disabled={!state || never} data-testid={`lips-${lang}`} data-state={state} onChange={(e) => set(e.currentTarget.checked)} />
      <span>
        {t("lipsSwitch")}{!alone && ` · ${languageName(lang)}`}
        {never && <small> {t(state === "no consent" ? "lipsNoConsent" : "lipsNotAvailable")}</small>}
      </span>
    </label>
  );
}
