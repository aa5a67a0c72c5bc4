// A recording's one clock: seconds of recording time, which all of its languages share.

/** A stretch of a playlist as the player holds it. */
export interface Stretch {
  start: number; // s on the player's own timeline
  duration: number; // s
  programDateTime: number | null; // ms since 1970: the recording's creation, and the recording time since
}

/** The recording time of a place on the player's timeline, null where the playlist does not tell. */
export function recordingTime(parts: readonly Stretch[], created: number, at: number): number | null {
  let best: Stretch | null = null;
  for (const p of parts) {
    if (p.programDateTime === null) continue;
    if (best && p.start > at) break;
    best = p;
  }
  if (!best) return null;
  return (best.programDateTime! - created) / 1000 + Math.min(at - best.start, best.duration);
}

/** The place on the player's timeline of a recording time; in a hole of this language, of what comes next. */
export function placeOf(parts: readonly Stretch[], created: number, t: number): number {
  let end = 0;
  for (const p of parts) {
    if (p.programDateTime === null) continue;
    const from = (p.programDateTime - created) / 1000;
    if (t < from + p.duration) return p.start + Math.max(0, t - from);
    end = p.start + p.duration;
  }
  return end;
}

/** What was said, as the server's transcript has it; times are null for what was not recorded. */
export interface Spoken {
  id: number;
  start: number | null;
  end: number | null;
  source_text?: string;
  text?: string;
  outcome?: string;
}

/** The index of the phrase that sounds at t, or of the last before it; -1 before the first. */
export function phraseAt(phrases: readonly Spoken[], t: number): number {
  let found = -1;
  phrases.forEach((p, i) => {
    if (p.start !== null && p.start <= t) found = i;
  });
  return found;
}

/** The words in the language that is heard: of the original, what was said. */
export const wordsOf = (p: Spoken, original: boolean): string => p.text || (original ? (p.source_text ?? "") : "");

/** The caption at t; a line stays one second longer than its phrase. */
export function captionAt(phrases: readonly Spoken[], t: number, original: boolean): string {
  const p = phrases[phraseAt(phrases, t)];
  return p?.end != null && t < p.end + 1 ? wordsOf(p, original) : "";
}

/** "1:02:03", "4:05". */
export function clockText(s: number): string {
  const whole = Math.max(0, Math.floor(s));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, two(whole % 60)];
  return h ? `${h}:${two(m)}:${rest}` : `${m}:${rest}`;
}

/** "3.2 MB". */
export function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [n, i] = [bytes, 0];
  while (n >= 1000 && i < units.length - 1) [n, i] = [n / 1000, i + 1];
  return `${n < 10 && i > 0 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}
