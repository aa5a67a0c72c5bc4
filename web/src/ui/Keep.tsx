import { useState } from "preact/hooks";
import { longest, most, readWords } from "../core/words";
import { t } from "../i18n";

/** The field for words that are not translated. `done` is told of them once the person has finished typing. */
export function Keep({ text, change, done }: { text: string; change(text: string): void; done?(words: string[]): void }) {
  const { words, cut } = readWords(text);
  const [open] = useState(text !== ""); // afterwards the person opens and closes it
  return (
    <details class="keep" open={open}>
      <summary>{t("keep")}{words.length > 0 && <span class="count">{words.length}</span>}</summary>
      <label class="field">
        <small>{t("keepHint")}</small>
        <textarea rows={3} spellcheck={false} aria-label={t("keep")} data-testid="keep" value={text} onInput={(e) => change(e.currentTarget.value)} onChange={() => done?.(words)} />
      </label>
      {cut && <p class="hint" role="alert">{t("keepTooMany", { n: most, c: longest })}</p>}
    </details>
  );
}
