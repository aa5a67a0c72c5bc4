import { t } from "../i18n";

/** Says that the call is being recorded. */
export function Recorded() {
  return <p class="status recorded" role="status" data-testid="recorded"><span class="dot" />{t("beingRecorded")}</p>;
}
