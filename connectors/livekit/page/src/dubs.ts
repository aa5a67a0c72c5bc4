// What an integrator needs of livedub in a LiveKit room: which tracks are dubs, whose and
// in which language, and how loud the original is to be. Nothing here needs a page.
import type { RemoteParticipant, RemoteTrackPublication, Room } from "livekit-client";

export const attribute = { lang: "livedub.lang", video: "livedub.video", consent: "livedub.consent", bot: "livedub.bot", state: "livedub.state" };
export const hintTopic = "livedub.hint";

/** A dub's track: its name is PARTICIPANT-LANG. */
export interface Dub {
  speaker: string;
  lang: string;
}

/** What the connector tells a listener about a speaker's original. */
export interface Hint {
  v: number;
  speaker: string;
  lang: string;
  gain: number;
  phrase?: { id: number; in_ms: number; for_ms: number };
}

/** What is done with each speaker, which the connector shows to all. */
export interface State {
  speakers: Record<string, { state: string; from?: string; dubs?: Record<string, { audio: string; video?: string }> }>;
}

export const isBot = (p: { attributes: Readonly<Record<string, string>> }): boolean => p.attributes[attribute.bot] === "true";

/** The dub that a track is; null for a track of a person. */
export function dubOf(pub: RemoteTrackPublication, p: RemoteParticipant): Dub | null {
  const cut = pub.trackName.lastIndexOf("-");
  if (!isBot(p) || cut < 1) return null;
  return { speaker: pub.trackName.slice(0, cut), lang: pub.trackName.slice(cut + 1) };
}

/** A hint, or null for what is none. */
export function hintOf(payload: Uint8Array): Hint | null {
  try {
    const h = JSON.parse(new TextDecoder().decode(payload)) as Hint;
    return h.v === 1 && typeof h.speaker === "string" && typeof h.gain === "number" ? h : null;
  } catch {
    return null;
  }
}

/** What the connector shows, or null where there is none in the room. */
export function stateOf(room: Room): State | null {
  for (const p of room.remoteParticipants.values()) {
    const text = isBot(p) ? p.attributes[attribute.state] : undefined;
    if (!text) continue;
    try {
      return JSON.parse(text) as State;
    } catch {
      return null;
    }
  }
  return null;
}
