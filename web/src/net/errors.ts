// What can go wrong, in kinds that the page has a sentence for.

export type Kind =
  | "camera-missing" | "camera-denied" | "camera-busy" | "camera-insecure" | "camera-unanswered"
  | "camera-off" | "camera-still" | "camera-lost" | "microphone-still" | "microphone-lost"
  | "file-unreadable" | "file-silent" | "sample-missing" | "video-stuck" | "sound-missing"
  | "interrupted" | "stale" | "server-gone" | "media-blocked" | "full" | "session-gone" | "refused" | "publisher-busy" | "ended" | "browser-old" | "browser-stuck" | "draining" | "recording-gone" | "recording-stuck" | "unexpected";

export class Trouble extends Error {
  /**
   * @param detail the server's or the browser's own words, shown behind ours
   * @param wait seconds to leave the server alone, where it asked for that
   */
  constructor(readonly kind: Kind, readonly detail = "", readonly wait = 0) {
    super(detail ? `${kind}: ${detail}` : kind);
    this.name = "Trouble";
  }

  /** Whether trying again by itself may help. */
  get passes(): boolean {
    return ["interrupted", "stale", "server-gone", "media-blocked", "full", "session-gone", "publisher-busy"].includes(this.kind);
  }
}

export function asTrouble(e: unknown): Trouble {
  if (e instanceof Trouble) return e;
  return new Trouble("unexpected", e instanceof Error ? e.message : String(e));
}

/** Turns what getUserMedia rejects with into our words. */
export function cameraTrouble(e: unknown): Trouble {
  const name = (e as DOMException)?.name ?? "";
  const detail = (e as Error)?.message ?? "";
  switch (name) {
    case "NotFoundError":
    case "OverconstrainedError":
      return new Trouble("camera-missing", detail);
    case "NotAllowedError":
    case "SecurityError":
      return new Trouble("camera-denied", detail);
    case "NotReadableError":
    case "AbortError":
      return new Trouble("camera-busy", detail);
  }
  return asTrouble(e);
}

/** Reads a refusal: JSON {"error": "..."}, a problem document, or plain text. */
export async function httpTrouble(r: Response): Promise<Trouble> {
  const text = await r.text().catch(() => "");
  const detail = said(text) || `${r.status} ${r.statusText}`.trim();
  const wait = retryAfter(r.headers.get("Retry-After"));
  switch (r.status) {
    case 404:
    case 410:
      return new Trouble("session-gone", detail);
    case 409:
      return new Trouble("publisher-busy", detail);
    case 429:
    case 503:
      return new Trouble("full", detail, wait);
    case 502:
    case 504:
      return new Trouble("server-gone", detail, wait);
  }
  return new Trouble(r.status >= 500 ? "unexpected" : "refused", detail);
}

const longestWait = 300; // s that a server's word counts

/** Seconds that a Retry-After asks for: a number, or a date. */
export function retryAfter(header: string | null, now = Date.now()): number {
  const s = Number(header ?? 0);
  const wait = Number.isNaN(s) ? (Date.parse(header!) - now) / 1000 : s;
  return Math.min(longestWait, Math.max(0, wait || 0));
}

function said(text: string): string {
  try {
    const v = JSON.parse(text);
    const s = typeof v === "string" ? v : (v.error?.message ?? v.error ?? v.detail ?? v.title ?? v.message);
    return typeof s === "string" ? s.slice(0, 300) : "";
  } catch {
    return text.trim().startsWith("<") ? "" : text.trim().slice(0, 300);
  }
}
