// Captions by phrase: the same phrase has the same id in every language.
import type { Caption } from "../net/types";

export interface Line {
  text: string;
  final: boolean;
}

export interface Row {
  id: number;
  start: number;
  end: number;
  lines: Record<string, Line>;
}

/** Returns rows with c in it, oldest first, at most `keep` of them. Partial text never replaces final text. */
export function withCaption(rows: readonly Row[], c: Caption, keep = 40): Row[] {
  const i = rows.findIndex((r) => r.id === c.id);
  const old = i < 0 ? undefined : rows[i]!;
  if (old?.lines[c.lang]?.final && !c.final) return rows as Row[];
  const line = { text: c.text, final: c.final };
  const row: Row = { id: c.id, start: c.start, end: c.end, lines: { ...old?.lines, [c.lang]: line } };
  if (old) return rows.map((r) => (r === old ? row : r));
  return [...rows, row].sort((a, b) => a.start - b.start || a.id - b.id).slice(-keep);
}

/** The rows that have text in lang. */
export function inLang(rows: readonly Row[], lang: string): { id: number; line: Line }[] {
  return rows.flatMap((r) => {
    const line = r.lines[lang];
    return line?.text ? [{ id: r.id, line }] : [];
  });
}

/**
 * The text in lang that sounds at output time `at`, which is source time; a
 * line stays one second longer than its phrase. "" where nobody speaks.
 */
export function spokenAt(rows: readonly Row[], lang: string, at: number): string {
  let text = "";
  for (const r of rows) {
    const line = r.lines[lang];
    if (line?.final && r.start <= at && at < r.end + 1) text = line.text;
  }
  return text;
}
