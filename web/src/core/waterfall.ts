// "Why late?": what a phrase waited for, in seconds since it began to be spoken.
import type { Phrase, Slowest } from "../net/types";

export type Stage = "spoken" | "recognized" | "translated" | "voiced" | "waits" | "played";

export interface Bar {
  stage: Stage;
  from: number;
  to: number;
}

export interface Fall {
  id: number;
  text: string;
  bars: Bar[];
  late: number | null; // s
  fate: string;
  slowest?: Slowest;
}

/** A phrase's bars. `delay` is D in seconds: a dub on the output timeline plays D later on the session's clock. */
export function fall(p: Phrase, delay: number): Fall {
  const zero = p.source_start;
  const bars: Bar[] = [];
  const add = (stage: Stage, from: number, to: number) => {
    if (to > from) bars.push({ stage, from: from - zero, to: to - zero });
  };
  const { heard_at, ready_at, translate_ms, speak_ms } = p.steps;
  const heard = Math.max(heard_at, p.source_end);
  add("spoken", p.source_start, p.source_end);
  add("recognized", p.source_end, heard);
  const translated = heard + translate_ms / 1000;
  add("translated", heard, translated);
  const voiced = Math.max(ready_at, translated + speak_ms / 1000);
  // Phrases queue for the voice one by one: that wait is part of voicing.
  add("voiced", translated, voiced);
  if (p.dub_start !== null && p.dub_end !== null) {
    add("waits", voiced, p.dub_start + delay);
    add("played", p.dub_start + delay, p.dub_end + delay);
  }
  return { id: p.id, text: p.text || p.source_text, bars, late: p.late_ms === null ? null : p.late_ms / 1000, fate: p.fate, slowest: p.slowest };
}

/** How many seconds wide the frame of these falls must be. */
export function width(falls: readonly Fall[]): number {
  return Math.max(1, ...falls.flatMap((f) => f.bars.map((b) => b.to)));
}
