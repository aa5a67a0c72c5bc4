// Where a session is sent on to. Addresses hold keys: they go to the server, and are kept nowhere.
import { call, controlURL, json } from "./api";
import type { Output, SessionInfo } from "./types";

const at = (s: SessionInfo) => `${controlURL(s)}/outputs`;

/** Has the session be sent on, in these languages: by RTMP one, by SRT several. */
export function addOutput(s: SessionInfo, url: string, langs: string[]): Promise<Output> {
  return json(at(s), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ url: url.trim(), langs }) });
}

/** Has it be sent there no more. */
export async function removeOutput(s: SessionInfo, id: string): Promise<void> {
  await call(`${at(s)}/${encodeURIComponent(id)}`, { method: "DELETE" });
}
