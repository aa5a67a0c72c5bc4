import type { ComponentChildren } from "preact";
import { t } from "../i18n";

export function Header({ children }: { children?: ComponentChildren }) {
  return (
    <header class="top">
      <a class="brand" href="#"><img src="./icon.svg" alt="" width="40" height="40" />livedub</a>
      <p class="tagline">{t("tagline")}</p>
      {children}
    </header>
  );
}
