// The server's words, as the endpoints in docs/SIGNALING.md send them.
// Times are seconds on the session's clock unless a name ends in _ms.

export interface Pair {
  from: string;
  to: string;
  quality: string;
}

/** What a server offers. */
export interface Offer {
  pairs: Pair[];
  record: "" | "dubs" | "all"; // of every session
  keeps: boolean; // there are recordings to be looked at
  mouths: boolean; // a speaker's mouths may be kept for the next call
}

export type Profile = "sync" | "live";
export type LipsState = "on" | "off" | "no consent" | "not available";
export type Level = "lips" | "voice" | "captions" | "passthrough";

export interface Span {
  p50: number | null;
  p95: number | null;
  samples: number;
}

export interface Offset {
  p1: number | null;
  p50: number | null;
  p99: number | null;
  samples: number;
}

/** What became of one phrase in one dub. `steps` says when it was known and placed. */
export interface Phrase {
  id: number;
  source_text: string;
  text: string;
  source_start: number;
  source_end: number;
  dub_start: number | null;
  dub_end: number | null;
  late_ms: number | null;
  fate: string;
  steps: { heard_at: number; ready_at: number; translate_ms: number; speak_ms: number };
  slowest?: Slowest;
}

/** The engine that a phrase waited for longest, by its name in the settings. */
export interface Slowest {
  stage: "recognizer" | "translator" | "voice";
  engine: string;
  ms: number;
}

export interface Dub {
  ladder: Level;
  why?: string;
  lips?: LipsState;
  late_ms?: Span;
  ear_voice_span_ms?: Span;
  av_offset_ms?: Offset;
  phrases?: Phrase[];
}

export interface SessionInfo {
  id: string;
  from: string;
  to: string[];
  profile: Profile;
  delay_ms: number;
  whip?: string; // who may only watch has none
  whep: Record<string, string>; // of the languages that may be watched
  hls?: string; // all languages that may be watched, for players of HLS
  events: string;
  control?: string; // the session itself, for who may change and end it
  watch?: Record<string, string>; // links to the viewer's page
  ice_servers?: RTCIceServer[];
  state?: string;
  created?: string;
  epoch?: string; // tells it from others that have borne its name
  fence?: number; // in a cluster: rises when another node takes the session over
  now?: number;
  keep?: string[]; // words that are not translated, for who may change the session
  draining_until?: string; // the server takes no new sessions, and ends this one by then
  dubs?: Record<string, Dub>;
  recording?: Taping; // where the server records
  mouths?: Mouths; // where mouths are made
  kept_mouths?: KeptMouths; // where they are found or kept
  mouths_key?: string; // told once, to who created the session
  outputs?: Output[]; // that it is sent on to, for who may change it
}

/** What has become of mouths that were kept of the speaker, and whether this call's will be. */
export interface KeptMouths {
  state: "loading" | "none" | "waiting" | "warm" | "unreadable" | "erased" | "not available" | "off";
  why?: string;
  keeps: boolean;
}

/** How far the speaker's mouths are known: until there are enough, the mouth in the picture is warped. */
export interface Mouths {
  known: number;
  enough: number;
  speech_s: number; // that the face was seen to speak
  ready_s: number | null; // of it when they were enough
}

/** Whether a session is being recorded. */
export interface Taping {
  state: "on" | "failing" | "off"; // failing: nothing can be written now
  why?: string;
}

export interface NewSession {
  from: string;
  to: string[];
  profile: Profile;
  consent: boolean;
  badge: boolean;
  keep: string[]; // words that are not translated
  keep_mouths?: boolean;
  mouths_key?: string; // of those that are kept of this person
}

export interface Caption {
  lang: string;
  id: number;
  text: string;
  final: boolean;
  skipped?: boolean; // the phrase is not dubbed
  start: number;
  end: number;
  words?: Word[]; // of what was said, where the recognizer tells how sure it is of them
}

export interface Word {
  text: string;
  confidence: number; // 0 to 1
}

export interface LadderChange {
  lang: string;
  level: Level;
  why?: string;
  at?: number;
}

/** A server elsewhere that the session is sent on to. */
export interface Output {
  id: string;
  url: string; // its secrets are hidden
  langs: string[];
  state: "waiting" | "connecting" | "live" | "refused" | "ended";
  retries: number;
  last_error?: string;
  bitrate: number; // bit/s
}
