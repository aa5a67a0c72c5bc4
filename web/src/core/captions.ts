// Captions by phrase: the same phrase has the same id in every language.
import type { Caption, Dumped, Word } from "../net/types";

export interface Line {
  text: string;
  final: boolean;
  skipped?: boolean;
  words?: Word[];
}

/** A word that the recognizer is less sure of is shown as doubtful. */
export const sure = 0.5;

/** A piece of a line; `doubt` is how sure the recognizer is of a doubtful word. */
export interface Piece {
  text: string;
  doubt?: number;
}

/** A line in pieces: doubtful words, and what stands between them. Words that the text does not have are passed over. */
export function pieces(line: Line): Piece[] {
  const out: Piece[] = [];
  const lower = line.text.toLowerCase();
  const text = lower.length === line.text.length ? lower : line.text;
  let at = 0; // of the text that is not in a piece yet
  let from = 0; // where the next word may begin
  for (const w of line.words ?? []) {
    const word = text === lower ? w.text.trim().toLowerCase() : w.text.trim();
    const i = word ? text.indexOf(word, from) : -1;
    if (i < 0) continue;
    from = i + word.length;
    if (w.confidence >= sure) continue;
    if (i > at) out.push({ text: line.text.slice(at, i) });
    out.push({ text: line.text.slice(i, from), doubt: w.confidence });
    at = from;
  }
  if (at < line.text.length) out.push({ text: line.text.slice(at) });
  return out;
}

export interface Row {
  id: number;
  start: number;
  end: number;
  lines: Record<string, Line>;
}

/**
 * Returns rows with c in it, oldest first, at most `keep` of them. Partial text
 * never replaces final text. What was partial when another node went on with the
 * session is said anew by that one, under another id: final text takes its place.
 */
export function withCaption(all: readonly Row[], c: Caption, keep = 40): Row[] {
  const rows = c.final ? without(all, c) : all;
  const i = rows.findIndex((r) => r.id === c.id);
  const old = i < 0 ? undefined : rows[i]!;
  if (old?.lines[c.lang]?.final && !c.final) return rows as Row[];
  const line = { text: c.text, final: c.final, skipped: c.skipped, words: c.words };
  const row: Row = { id: c.id, start: c.start, end: c.end, lines: { ...old?.lines, [c.lang]: line } };
  if (old) return rows.map((r) => (r === old ? row : r));
  return [...rows, row].sort((a, b) => a.start - b.start || a.id - b.id).slice(-keep);
}

/** The rows without partial lines in c's language that began before c's end. */
function without(rows: readonly Row[], c: Caption): readonly Row[] {
  const stale = (r: Row) => r.id !== c.id && r.start < c.end && r.lines[c.lang]?.final === false;
  if (!rows.some(stale)) return rows;
  return rows.map((r) => {
    if (!stale(r)) return r;
    const { [c.lang]: _, ...lines } = r.lines;
    return { ...r, lines };
  });
}

/** The rows without what was dumped: its phrases, and what was still being said. */
export function withoutDumped(rows: readonly Row[], d: Dumped): Row[] {
  const gone = new Set(d.phrases);
  return rows.filter((r) => !gone.has(r.id) && (r.start >= d.from || Object.values(r.lines).some((l) => l.final)));
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
