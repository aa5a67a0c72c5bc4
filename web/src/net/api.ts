// The session's REST endpoint.
import { Trouble, httpTrouble } from "./errors";
import type { Fence } from "./fence";
import type { Change, Dumped, NewSession, Offer, Pair, SessionInfo } from "./types";
import { deadline, limits } from "./within";

/** An address of the server's, also where the page is served under a prefix. */
export function address(path: string, base: string = document.baseURI): string {
  return new URL(path.replace(/^\/+/, ""), base).href;
}

/**
 * Fetches, and names what went wrong; reading the answer is part of the time
 * that the server has. Of a session's answers, those of a node that has lost it do not count.
 */
export async function call(url: string, init: RequestInit = {}, fence?: Fence): Promise<Response> {
  let r: Response;
  try {
    r = await fetch(url, { cache: "no-store", ...init, signal: deadline(limits.answer, "server-gone", new URL(url).pathname, init.signal) });
  } catch (e) {
    init.signal?.throwIfAborted();
    if (e instanceof Trouble) throw e;
    throw new Trouble("server-gone", e instanceof Error ? e.message : "");
  }
  fence?.see(r.headers.get("Livedub-Fence"));
  if (!r.ok) throw await httpTrouble(r);
  return r;
}

export async function json<T>(url: string, init: RequestInit = {}, fence?: Fence): Promise<T> {
  const r = await call(url, init, fence);
  try {
    return (await r.json()) as T;
  } catch (e) {
    init.signal?.throwIfAborted();
    if (e instanceof Trouble) throw e;
    throw new Trouble("unexpected", `no JSON from ${new URL(url).pathname}`);
  }
}

/** What the server can do, and whether it records. */
export async function languages(signal?: AbortSignal): Promise<Offer> {
  const v = await json<Partial<Offer> & { pairs?: Pair[] | null }>(address("v1/languages"), { signal });
  return { pairs: v.pairs ?? [], record: v.record ?? "", keeps: v.keeps ?? false, mouths: v.mouths ?? false };
}

export function create(s: NewSession, signal?: AbortSignal): Promise<SessionInfo> {
  return json(address("v1/sessions"), {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(s), signal,
  });
}

export async function get(url: string, fence: Fence, signal?: AbortSignal): Promise<SessionInfo> {
  const info = await json<SessionInfo>(url, { signal }, fence);
  fence.see(info.fence);
  return info;
}

/** Changes a session; the answer is how it stands. */
export function change(url: string, to: Change, fence: Fence, signal?: AbortSignal): Promise<SessionInfo> {
  return json(url, { method: "PATCH", headers: { "Content-Type": "application/json" }, body: JSON.stringify(to), signal }, fence);
}

/** Drops what was said and has not been put out. */
export async function dump(url: string, fence: Fence, signal?: AbortSignal): Promise<Dumped> {
  return json(`${url}/dump`, { method: "POST", signal }, fence);
}

const ending = new Set<Promise<unknown>>();

/** Ends a session or a WHIP or WHEP resource. It also goes out while the page is being left. */
export async function remove(url: string): Promise<void> {
  // A resource that is gone already, or a server that is, leaves nothing to do.
  const end = fetch(url, { method: "DELETE", keepalive: true, signal: deadline(limits.answer, "server-gone", "DELETE") }).catch(() => undefined);
  ending.add(end);
  await end;
  ending.delete(end);
}

/** Ends a session after its connections: with it they would be gone before they are asked to end. */
export async function removeLast(url: string): Promise<void> {
  await Promise.all(ending);
  await remove(url);
}

/** Where a session is changed and ended, by who may: the address carries the right. */
export const controlURL = (s: SessionInfo): string => address(s.control ?? `v1/sessions/${s.id}`);

/** A session by the part of a link that names it and carries the right to watch. */
export const sessionURL = (id: string): string => address(`v1/sessions/${encodeURIComponent(id)}`);
