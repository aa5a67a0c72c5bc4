// The page's words, in the reader's language: English, or Korean.
import { en, type Key } from "./en";
import { ko } from "./ko";

export type { Key } from "./en";

export const locale: "en" | "ko" = choose(typeof navigator === "undefined" ? [] : (navigator.languages ?? [navigator.language]));

/** The first language of the reader's that we have. */
export function choose(wanted: readonly string[]): "en" | "ko" {
  for (const w of wanted) {
    const l = w.toLowerCase().split("-")[0];
    if (l === "en" || l === "ko") return l;
  }
  return "en";
}

export function t(key: Key, values: Record<string, string | number> = {}): string {
  return fill((locale === "ko" ? ko : en)[key], values);
}

export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** "es" as the reader calls it; the code itself where the browser does not know it. */
export function languageName(code: string): string {
  if (code === "auto") return t("autoLanguage");
  try {
    return new Intl.DisplayNames([locale], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}
