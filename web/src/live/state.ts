// What the studio shows of a running session.
import type { Row } from "../core/captions";
import type { Point } from "../core/series";
import type { Fall } from "../core/waterfall";
import type { Kind, Trouble } from "../net/errors";
import type { Dumped, Level, Profile, SessionInfo } from "../net/types";

export type Phase = "idle" | "starting" | "live" | "reconnecting" | "finishing" | "ended";
export type SourceKind = "camera" | "file" | "sample";
export type Plot = "delay" | "span" | "offset" | "ladder";

export const span = 60; // s that a plot shows
export const levels: readonly Level[] = ["passthrough", "captions", "voice", "lips"];

export interface Choice {
  kind: SourceKind;
  from: string;
  to: string[]; // the first is shown beside the speaker
  profile: Profile;
  badge: boolean; // re-rendered frames say that they are
  keep: string[]; // words that are not translated
  keepMouths: boolean; // for the next call
}

export interface LiveState {
  phase: Phase;
  choice: Choice | null;
  trouble: Trouble | null;
  lacks: Kind | null; // what keeps the camera's frame or the microphone's sound back
  retryIn: number; // s until the next try, 0 for none planned
  draining: string; // when the server ends the call at the latest, "" while it does not
  session: SessionInfo | null;
  preview: MediaStream | null;
  dubbed: MediaStream | null;
  coming: MediaStream | null; // the same from another node, before it takes the place of the one that is heard
  rows: Row[];
  level: Level | null;
  why: string;
  figures: Partial<Record<Exclude<Plot, "ladder">, number>>; // ms
  series: Record<Plot, Point[]>;
  falls: Fall[];
  dumped: Dump | null; // the last time that something was
}

/** What was dumped, and when, by this page's clock. */
export interface Dump extends Dumped {
  at: number;
}

export const nothing: LiveState = {
  phase: "idle", choice: null, trouble: null, lacks: null, retryIn: 0, draining: "", session: null, preview: null, dubbed: null, coming: null,
  rows: [], level: null, why: "", figures: {}, series: { delay: [], span: [], offset: [], ladder: [] }, falls: [], dumped: null,
};

/** Whether it waits until the server has a place. */
export const waiting = (s: LiveState): boolean => s.phase === "reconnecting" && s.trouble?.kind === "full";

export const running = (p: Phase): boolean => p !== "idle" && p !== "ended";
