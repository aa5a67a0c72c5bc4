// What is kept of sessions: docs/SIGNALING.md, Recordings.
import { address, call, json } from "./api";
import type { Spoken } from "../core/recording";

export interface RecordedLanguage {
  lang: string;
  original?: boolean;
  duration: number; // s
  bytes: number;
  playlist?: string; // HLS, until there is the file
  file?: string; // all of it in one MP4
  captions: string;
  transcript: string;
}

export interface Recording {
  id: string;
  session: string;
  from: string;
  state: "growing" | "whole" | "cut_short";
  why?: string;
  created: string;
  ended?: string;
  duration: number; // s
  bytes: number;
  notice: string;
  languages: RecordedLanguage[];
  control?: string; // for who may delete it
  watch: string;
}

export interface Page {
  recordings: Recording[];
  next?: string;
}

/** A page of all recordings, the newest first: for the operator, whose token it may take. */
export function list(token: string, after = "", signal?: AbortSignal): Promise<Page> {
  const url = new URL(address("v1/recordings"));
  url.searchParams.set("limit", "50");
  if (after) url.searchParams.set("after", after);
  return json(url.href, { signal, headers: token ? { Authorization: `Bearer ${token}` } : {} });
}

/** One recording, by "ID~RIGHT". */
export function recording(id: string, signal?: AbortSignal): Promise<Recording> {
  return json(address(`v1/recordings/${encodeURIComponent(id)}`), { signal });
}

/** "ID~RIGHT" of an address that the server gave. */
export function rightOf(url: string): string {
  try {
    return decodeURIComponent(/\/recordings\/([^/]+)/.exec(url)?.[1] ?? "");
  } catch {
    return "";
  }
}

export async function erase(control: string): Promise<void> {
  await call(control, { method: "DELETE" });
}

export async function transcript(url: string, signal?: AbortSignal): Promise<Spoken[]> {
  const v = await json<{ phrases?: Spoken[] | null }>(url, { signal });
  return v.phrases ?? [];
}
