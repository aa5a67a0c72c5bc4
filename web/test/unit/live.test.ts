import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Live } from "../../src/live/session";
import { waiting } from "../../src/live/state";
import { Viewer } from "../../src/live/viewer";
import type { Input } from "../../src/media/input";
import { begin } from "../../src/media/player";
import * as api from "../../src/net/api";
import { Trouble } from "../../src/net/errors";
import { listen, type Listener } from "../../src/net/events";
import type { SessionInfo } from "../../src/net/types";
import { publish, watch } from "../../src/net/whip";

vi.mock("../../src/net/api");
vi.mock("../../src/net/events");
vi.mock("../../src/net/whip");

const info = (change: Partial<SessionInfo> = {}): SessionInfo => ({
  id: "talk", from: "en", to: ["es"], profile: "sync", delay_ms: 4000, whip: "/whip/talk", whep: { es: "/whep/talk/es", en: "/whep/talk/en" }, control: "/v1/sessions/talk~c", events: "/events", created: "then", ...change,
});
const never = <T>() => new Promise<T>(() => undefined);

beforeEach(() => {
  vi.useFakeTimers();
  vi.mocked(api.sessionURL).mockImplementation((id) => `http://h/v1/sessions/${id}`);
  vi.mocked(api.controlURL).mockImplementation((s) => `http://h${s.control}`);
  vi.mocked(watch).mockImplementation((_url, _fence, signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
});
afterEach(() => {
  vi.useRealTimers();
  vi.resetAllMocks();
});

describe("a run of the studio", () => {
  const input = (): Input => ({
    stream: { getTracks: () => [], getVideoTracks: () => [], getAudioTracks: () => [] } as unknown as MediaStream,
    ended: never(), begin: async () => undefined, pause: vi.fn(), close: vi.fn(),
  });
  const choice = { kind: "camera", from: "en", to: ["es"], profile: "sync", badge: true, keep: ["Torres"] as string[], keepMouths: false } as const;
  it("asks to have mouths kept by the key it has, and keeps a new key out of what it shows", async () => {
    const key = "k".repeat(43);
    const kept = new Map<string, string>();
    vi.stubGlobal("localStorage", { getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => void kept.set(k, v) });
    vi.mocked(api.get).mockImplementation(never);
    vi.mocked(listen).mockResolvedValue();
    vi.mocked(publish).mockRejectedValue(new Trouble("refused", "no codec"));
    for (const keepMouths of [false, true, true]) {
      vi.mocked(api.create).mockResolvedValueOnce(info(keepMouths ? { mouths_key: key } : {}));
      const live = new Live();
      await live.start({ ...choice, to: [...choice.to], keepMouths }, async () => input());
      expect(JSON.stringify(live.store.get().session)).not.toContain(key);
    }
    const asked = vi.mocked(api.create).mock.calls.map(([s]) => [s.keep_mouths, s.mouths_key]);
    expect(asked).toEqual([[undefined, undefined], [true, undefined], [true, key]]);
    vi.unstubAllGlobals();
  });
  it("takes its session with it when it cannot go on", async () => {
    const iceServers = [{ urls: "stun:stun.example.net" }];
    vi.mocked(api.create).mockResolvedValue(info({ ice_servers: iceServers }));
    vi.mocked(api.get).mockImplementation(never);
    vi.mocked(listen).mockResolvedValue();
    vi.mocked(publish).mockRejectedValue(new Trouble("refused", "no codec"));
    const live = new Live();
    await live.start({ ...choice, to: [...choice.to] }, async () => input());
    expect(live.store.get()).toMatchObject({ phase: "ended", trouble: { kind: "refused" } });
    expect([vi.mocked(publish).mock.calls[0]![4], vi.mocked(watch).mock.calls[0]![3]]).toEqual([iceServers, iceServers]);
    expect(vi.mocked(api.removeLast).mock.calls).toEqual([["http://h/v1/sessions/talk~c"]]);
  });
  it("names the words to keep, at first, while it runs and to a session that is made anew", async () => {
    vi.mocked(api.create).mockReset().mockResolvedValue(info({}));
    vi.mocked(api.change).mockResolvedValue(info({ keep: ["Blanco"] }));
    vi.mocked(api.get).mockImplementation(never);
    vi.mocked(listen).mockImplementation((_url, _to, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())));
    vi.mocked(publish).mockImplementation((_url, _stream, _fence, signal) => new Promise<never>((_, no) => signal.addEventListener("abort", () => no(signal.reason))));
    const live = new Live();
    const run = live.start({ ...choice, to: [...choice.to] }, async () => input());
    await vi.advanceTimersByTimeAsync(100);
    await live.setKeep(["Blanco"]);
    expect(vi.mocked(api.change).mock.calls[0]!.slice(0, 2)).toEqual(["http://h/v1/sessions/talk~c", { keep: ["Blanco"] }]);
    expect(live.store.get()).toMatchObject({ choice: { keep: ["Blanco"] }, session: { keep: ["Blanco"] } });
    vi.mocked(listen).mock.lastCall![1].end("shutting down");
    await vi.advanceTimersByTimeAsync(20_000);
    expect(vi.mocked(api.create).mock.calls.map(([s]) => s.keep)).toEqual([["Torres"], ["Blanco"]]);
    live.stop();
    await run;
  });
  it("takes languages that come and go, and has them in a session that is made anew", async () => {
    const whep = { en: "/whep/en", es: "/whep/es", ca: "/whep/ca" };
    let now = info({ to: ["es"], whep });
    vi.mocked(api.create).mockReset().mockImplementation(async () => now);
    vi.mocked(api.get).mockImplementation(async () => now);
    vi.mocked(api.address).mockImplementation((path) => path);
    vi.mocked(api.change).mockImplementation(async (_url, to) => (now = info({ to: to.to!, whep })));
    vi.mocked(listen).mockImplementation((_url, _to, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())));
    vi.mocked(publish).mockImplementation((_url, _stream, _fence, signal) => new Promise<never>((_, no) => signal.addEventListener("abort", () => no(signal.reason))));
    let lose: (e: Trouble) => void = () => undefined; // the connection that is being made
    vi.mocked(watch).mockReset().mockImplementation((_url, _fence, signal) => new Promise((_, no) => ((lose = no), signal.addEventListener("abort", () => no(signal.reason)))));
    const live = new Live();
    const run = live.start({ ...choice, to: ["es"] }, async () => input());
    await vi.advanceTimersByTimeAsync(100);
    await live.desk.change({ to: ["ca", "es"] });
    expect(live.store.get().choice!.to).toEqual(["es", "ca"]); // the one that is shown stays the first
    await live.desk.change({ to: ["ca"] });
    lose(new Trouble("session-gone", "no es")); // it has left
    await vi.advanceTimersByTimeAsync(3000);
    expect(live.store.get()).toMatchObject({ choice: { to: ["ca"] }, session: { to: ["ca"] } });
    expect(vi.mocked(watch).mock.calls.map(([url]) => url)).toEqual(["/whep/es", "/whep/ca"]);
    expect(api.create).toHaveBeenCalledTimes(1);
    vi.mocked(listen).mock.lastCall![1].end("shutting down");
    await vi.advanceTimersByTimeAsync(20_000);
    expect(vi.mocked(api.create).mock.calls.map(([s]) => s.to)).toEqual([["es"], ["ca"]]);
    live.stop();
    await run;
  });
  it("shows how things stand by what was asked for last, and takes away what was dumped", async () => {
    vi.mocked(api.create).mockReset().mockResolvedValue(info());
    const dub = (muted: boolean) => info({ dubs: { es: { ladder: "voice", muted } } });
    let answer: (i: SessionInfo) => void = () => undefined; // to the question that is being asked
    vi.mocked(api.get).mockImplementation(() => new Promise((resolve) => (answer = resolve)));
    vi.mocked(api.change).mockResolvedValue(dub(true));
    vi.mocked(listen).mockImplementation((_url, _to, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())));
    vi.mocked(publish).mockImplementation((_url, _stream, _fence, signal) => new Promise<never>((_, no) => signal.addEventListener("abort", () => no(signal.reason))));
    const live = new Live();
    const run = live.start({ ...choice, to: ["es"] }, async () => input());
    await vi.advanceTimersByTimeAsync(100);
    await live.desk.change({ dubs: { es: { muted: true } } });
    answer(dub(false)); // as it was before
    await vi.advanceTimersByTimeAsync(100);
    expect(live.store.get().session!.dubs!.es!.muted).toBe(true);
    const tell = vi.mocked(listen).mock.lastCall![1];
    for (const id of [1, 2]) tell.caption({ lang: "es", id, text: "hola", final: true, start: id, end: id + 1 });
    vi.mocked(api.dump).mockResolvedValue({ from: 5, to: 9, phrases: [2] });
    await live.desk.dump();
    const { dumped } = live.store.get();
    expect(live.store.get().rows.map((r) => r.id)).toEqual([1]);
    tell.dumped({ from: 5, to: 9, phrases: [2] }); // as everybody is told
    expect(live.store.get().dumped).toBe(dumped);
    live.stop();
    await run;
  });
  it("waits for a place as long as the server asks for, and asks no more once it is stopped", async () => {
    vi.mocked(api.create).mockReset().mockRejectedValue(new Trouble("full", "4 of 4 taken", 20));
    const live = new Live();
    const run = live.start({ ...choice, to: [...choice.to] }, async () => input());
    await vi.advanceTimersByTimeAsync(100);
    const state = live.store.get();
    expect(waiting(state)).toBe(true);
    expect(state.retryIn).toBeGreaterThanOrEqual(20);
    expect(state.retryIn).toBeLessThanOrEqual(25);
    await vi.advanceTimersByTimeAsync(19_000);
    expect(api.create).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(api.create).toHaveBeenCalledTimes(2);
    live.stop();
    await run;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(api.create).toHaveBeenCalledTimes(2);
    expect(live.store.get()).toMatchObject({ phase: "idle", trouble: null, retryIn: 0 });
    expect(waiting(live.store.get())).toBe(false);
  });
});

describe("a viewer", () => {
  it.each([
    [["es", "ca", "gl", "eo"], ["es", "ca", "gl", "eo", "en"], ["es", "ca", "gl", "eo", "en"]],
    [["es", "ca", "gl", "eo", "fr"], ["es"], ["es", "en"]],
  ])("of a session in %s receives what it may switch to at once", async (to, first, then) => {
    vi.mocked(listen).mockImplementation((_url, _to, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())));
    vi.mocked(api.address).mockImplementation((path) => path);
    vi.mocked(api.get).mockResolvedValue(info({ to, whep: Object.fromEntries([...to, "en"].map((l) => [l, `/whep/talk/${l}`])) }));
    const viewer = new Viewer("talk", "es");
    const run = viewer.run();
    await vi.advanceTimersByTimeAsync(100);
    const asked = () => vi.mocked(watch).mock.calls.map(([url]) => url.split("/").pop());
    expect(asked()).toEqual(first);
    viewer.choose("en");
    await vi.advanceTimersByTimeAsync(100);
    expect(asked()).toEqual(then);
    viewer.close();
    await run;
  });
  it("shows the languages that it may watch, by the right in its link", async () => {
    vi.mocked(listen).mockImplementation((_url, _to, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())));
    vi.mocked(api.address).mockImplementation((path) => path);
    vi.mocked(api.get).mockResolvedValue(info({ to: ["es", "ca"], whep: { ca: "/whep/talk~w-ca/ca" } }));
    const viewer = new Viewer("talk~w-ca", "es");
    const run = viewer.run();
    await vi.advanceTimersByTimeAsync(100);
    expect(vi.mocked(api.get).mock.calls[0]![0]).toBe("http://h/v1/sessions/talk~w-ca");
    expect(viewer.store.get()).toMatchObject({ langs: ["ca"], lang: "ca" });
    expect(vi.mocked(watch).mock.calls.map(([url]) => url)).toEqual(["/whep/talk~w-ca/ca"]);
    viewer.close();
    await run;
  });
  it("takes languages that come and go without touching the others", async () => {
    vi.mocked(listen).mockImplementation((_url, _to, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())));
    vi.mocked(api.address).mockImplementation((path) => path);
    const of = (...to: string[]) => info({ to, whep: Object.fromEntries([...to, "en"].map((l) => [l, `/whep/${l}`])) });
    vi.mocked(api.get).mockResolvedValue(of("es", "ca"));
    const made: Record<string, { signal: AbortSignal; lose(e: Trouble): void }> = {};
    vi.mocked(watch).mockImplementation((url, _fence, signal) => new Promise((_, no) => {
      made[url] = { signal, lose: no };
      signal.addEventListener("abort", () => no(signal.reason));
    }));
    const viewer = new Viewer("talk", "es");
    const run = viewer.run();
    await vi.advanceTimersByTimeAsync(100);
    vi.mocked(api.get).mockResolvedValue(of("ca", "gl"));
    made["/whep/es"]!.lose(new Trouble("session-gone", "no es"));
    await vi.advanceTimersByTimeAsync(100);
    expect(viewer.store.get()).toMatchObject({ langs: ["ca", "gl", "en"], lang: "ca", trouble: null });
    expect(vi.mocked(watch).mock.calls.map(([url]) => url)).toEqual(["/whep/es", "/whep/ca", "/whep/en", "/whep/gl"]);
    expect(made["/whep/ca"]!.signal.aborted).toBe(false);
    vi.mocked(api.get).mockResolvedValue(of("ca"));
    await vi.advanceTimersByTimeAsync(3100);
    expect(made["/whep/gl"]!.signal.aborted).toBe(true);
    expect([made["/whep/ca"]!.signal.aborted, made["/whep/en"]!.signal.aborted]).toEqual([false, false]);
    viewer.close();
    await run;
  });
  it("forgets a session whose name another one bears now", async () => {
    let tell: Listener | undefined;
    vi.mocked(listen).mockImplementation((_url, to, signal) => {
      tell = to;
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
    });
    vi.mocked(api.get).mockResolvedValue(info({ now: 1000 }));
    const viewer = new Viewer("talk", "es");
    const run = viewer.run();
    await vi.advanceTimersByTimeAsync(3100);
    tell!.caption({ lang: "es", id: 1, text: "hola", final: true, start: 1, end: 2 });
    expect(viewer.clock.now()).toBeGreaterThan(999);
    expect(viewer.store.get().rows).toHaveLength(1);
    vi.mocked(api.get).mockResolvedValue(info({ now: 3, created: "now" }));
    await vi.advanceTimersByTimeAsync(8000);
    expect(viewer.store.get()).toMatchObject({ rows: [], trouble: null, info: { created: "now" } });
    expect(viewer.clock.now()).toBeLessThan(20);
    viewer.choose("fr"); // which it does not have
    expect(viewer.store.get().lang).toBe("es");
    viewer.close();
    await run;
  });
});

describe("a file", () => {
  const video = (e: Error) => ({ play: () => Promise.reject(e) });
  it("may be paused before it plays, and fails otherwise", async () => {
    await begin(video(new DOMException("interrupted by pause()", "AbortError")));
    await expect(begin(video(new DOMException("no codec", "NotSupportedError")))).rejects.toThrow("no codec");
  });
});
