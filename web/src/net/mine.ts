// The recordings that were made with this browser, and the right to each: whoever
// spoke finds theirs again, without the operator. Rights end by themselves.
import type { SessionInfo } from "./types";

const at = "livedub.recordings";
const most = 50;

/** The recording of a session, "EPOCH~RIGHT", for who controls that; "" for others, and where nothing is recorded. */
export function ownRecording(s: SessionInfo | null): string {
  const right = /\/[^/]*~([^/]+)$/.exec(s?.control ?? "")?.[1];
  return s?.epoch && right && s.recording && s.recording.state !== "off" ? `${s.epoch}~${right}` : "";
}

/** Those remembered, the latest first. */
export function mine(): string[] {
  try {
    const v: unknown = JSON.parse(localStorage.getItem(at) ?? "[]");
    return Array.isArray(v) ? v.filter((x): x is string => typeof x === "string").slice(0, most) : [];
  } catch {
    return []; // the browser keeps nothing for this page, or somebody else wrote there
  }
}

const epochOf = (id: string) => id.split("~")[0];

/** Remembers a recording, with the right that was given last. */
export function remember(id: string): void {
  write([id, ...mine().filter((x) => epochOf(x) !== epochOf(id))]);
}

export function forget(id: string): void {
  write(mine().filter((x) => epochOf(x) !== epochOf(id)));
}

function write(ids: string[]): void {
  try {
    localStorage.setItem(at, JSON.stringify(ids.slice(0, most)));
  } catch {
    // the browser keeps nothing for this page
  }
}
