import { useState } from "preact/hooks";
import { t } from "../i18n";
import { asTrouble } from "../net/errors";
import { forgetMouths, keptKey } from "../net/mouths";

/** Whether this person's mouths are kept for the next call, and the way to have them erased. */
export function KeepMouths({ offered, on, set }: { offered: boolean; on: boolean; set(on: boolean): void }) {
  const [key, setKey] = useState(keptKey);
  const [said, say] = useState("");
  const forget = async () => {
    try {
      await forgetMouths();
      say(t("mouthsForgotten"));
      set(false);
    } catch (e) {
      const { kind, detail } = asTrouble(e);
      say(t("mouthsForgetFailed", { why: detail || kind }));
    }
    setKey(keptKey());
  };
  return (
    <>
      {offered && (
        <label class="check">
          <input type="checkbox" data-testid="keep-mouths" checked={on} onChange={(e) => set(e.currentTarget.checked)} />
          <span>{t("mouthsKeep")}</span>
        </label>
      )}
      {key && <button type="button" data-testid="forget-mouths" onClick={() => void forget()}>{t("mouthsForget")}</button>}
      <p class="hint" role="status" data-testid="mouths-forgotten">{said}</p>
    </>
  );
}
