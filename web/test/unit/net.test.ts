import { afterEach, describe, expect, it, vi } from "vitest";
import { Backoff, sleep } from "../../src/net/backoff";
import { cameraTrouble, httpTrouble, retryAfter } from "../../src/net/errors";
import { listen, parse } from "../../src/net/events";
import { Fence } from "../../src/net/fence";
import { startBitrate } from "../../src/net/sdp";
import { exchange } from "../../src/net/whip";
import { address, get } from "../../src/net/api";
import { en } from "../../src/i18n/en";
import { choose, fill } from "../../src/i18n";
import { ko } from "../../src/i18n/ko";
import { level } from "../../src/media/meter";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("backoff", () => {
  it("doubles up to its bound, honours the server, and forgets", () => {
    const b = new Backoff(1, 8, () => 0.5);
    expect([1, 2, 3, 4, 5].map(() => b.next())).toEqual([1, 2, 4, 8, 8]);
    expect(b.next(40)).toBe(45); // not all who were told so at the same time
    b.reset();
    expect(b.next()).toBe(1);
    b.reset();
    expect([b.soon(), b.soon(), b.next()]).toEqual([0, 2, 4]);
  });
  it("spreads", () => {
    expect(new Backoff(1, 8, () => 0).next()).toBe(0.75);
    expect(new Backoff(1, 8, () => 0.999).next()).toBeLessThan(1.25);
  });
  it("sleeps until it is told to stop", async () => {
    const stop = new AbortController();
    const s = sleep(1000, stop.signal);
    stop.abort(new Error("enough"));
    await expect(s).rejects.toThrow("enough");
    await expect(sleep(1, stop.signal)).rejects.toThrow("enough");
  });
});

describe("errors", () => {
  const of = (status: number, body: string, headers = {}) => httpTrouble(new Response(body, { status, headers }));
  it("names what the server refused", async () => {
    expect(await of(503, '{"error":"4 of 4 taken"}', { "Retry-After": "7" })).toMatchObject({ kind: "full", detail: "4 of 4 taken", wait: 7, passes: true });
    expect(await of(404, "no such session")).toMatchObject({ kind: "session-gone", detail: "no such session" });
    expect(await of(409, '{"detail":"busy"}')).toMatchObject({ kind: "publisher-busy", detail: "busy" });
    expect(await of(406, '{"error":{"message":"VP8, H.264"}}')).toMatchObject({ kind: "refused", detail: "VP8, H.264", passes: false });
    expect(await of(502, "<html>proxy</html>")).toMatchObject({ kind: "server-gone" });
    expect((await of(500, "<html>x</html>")).detail).not.toContain("<");
    expect((await of(400, "x".repeat(9999))).detail.length).toBeLessThan(400);
  });
  it("waits as long as the server says, by any of its clocks", () => {
    const now = Date.parse("2026-11-27T12:00:00Z");
    expect([null, "", "7", "-1", "soon", "1e9", "Fri, 27 Nov 2026 12:00:09 GMT", "Fri, 27 Nov 2026 11:00:00 GMT"].map((h) => retryAfter(h, now))).toEqual([0, 0, 7, 0, 0, 300, 9, 0]);
  });
  it("names what the browser refused", () => {
    const kinds = ["NotFoundError", "NotAllowedError", "NotReadableError", "OverconstrainedError", "Other"].map((n) => cameraTrouble(new DOMException("m", n)).kind);
    expect(kinds).toEqual(["camera-missing", "camera-denied", "camera-busy", "camera-missing", "unexpected"]);
  });
});

describe("WHIP", () => {
  const server = (r: Response) => {
    const fetch = vi.fn(async (_url: string, _init: RequestInit) => r);
    vi.stubGlobal("fetch", fetch);
    return fetch;
  };
  it("posts the offer and finds the resource", async () => {
    const fetch = server(new Response("v=0\r\nanswer", { status: 201, headers: { Location: "/whip/s1/r9" } }));
    expect(await exchange("http://h/whip/s1", "v=0\r\noffer", new Fence())).toEqual({ sdp: "v=0\r\nanswer", fence: 0, resource: "http://h/whip/s1/r9" });
    const [url, init] = fetch.mock.calls[0]!;
    expect(url).toBe("http://h/whip/s1");
    expect(init).toMatchObject({ method: "POST", body: "v=0\r\noffer", headers: { "Content-Type": "application/sdp" } });
  });
  it("resolves a relative Location and lives without one", async () => {
    server(new Response("v=0", { status: 201, headers: { Location: "r9" } }));
    expect((await exchange("http://h/whep/s1/es", "", new Fence())).resource).toBe("http://h/whep/s1/r9");
    server(new Response("v=0", { status: 201 }));
    expect((await exchange("http://h/whep/s1/es", "", new Fence())).resource).toBe("");
  });
  it("refuses what is no SDP", async () => {
    server(new Response("<html>", { status: 200 }));
    await expect(exchange("http://h/x", "", new Fence())).rejects.toMatchObject({ kind: "unexpected" });
  });
  it("tells a server that is gone from one that refuses", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    await expect(exchange("http://h/x", "", new Fence())).rejects.toMatchObject({ kind: "server-gone" });
    server(new Response("who", { status: 404 }));
    await expect(exchange("http://h/x", "", new Fence())).rejects.toMatchObject({ kind: "session-gone", detail: "who" });
  });
  it("takes no answer of a node that has lost the session, not its refusal either", async () => {
    const fence = new Fence();
    const answer = (f: number, status = 201) => new Response("v=0", { status, headers: { "Livedub-Fence": String(f) } });
    server(answer(7));
    expect((await exchange("http://h/x", "", fence)).fence).toBe(7);
    server(answer(6));
    await expect(exchange("http://h/x", "", fence)).rejects.toMatchObject({ kind: "stale", passes: true });
    server(answer(6, 404));
    await expect(exchange("http://h/x", "", fence)).rejects.toMatchObject({ kind: "stale" });
    server(new Response('{"id":"x","fence":5}'));
    await expect(get("http://h/x", fence)).rejects.toMatchObject({ kind: "stale" });
    server(new Response("v=0", { status: 201 }));
    expect((await exchange("http://h/x", "", fence)).fence).toBe(7);
  });
  it("stays under the page's prefix", () => {
    expect(address("/v1/sessions", "http://h/dub/")).toBe("http://h/dub/v1/sessions");
    expect(address("http://other/whip/1", "http://h/")).toBe("http://other/whip/1");
  });
});

describe("sdp", () => {
  const sdp = ["v=0", "m=audio 9 x 111", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10", "m=video 9 x 96 97 98",
    "a=rtpmap:96 VP8/90000", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "a=rtpmap:98 H264/90000", "a=fmtp:98 packetization-mode=1", ""].join("\r\n");
  it("starts video faster and leaves the rest", () => {
    const out = startBitrate(sdp, 1200);
    expect(out).toContain("a=rtpmap:96 VP8/90000\r\na=fmtp:96 x-google-start-bitrate=1200\r\n");
    expect(out).toContain("a=fmtp:98 packetization-mode=1;x-google-start-bitrate=1200\r\n");
    expect(out.match(/start-bitrate/g)).toHaveLength(2);
    expect(out).toContain("a=fmtp:97 apt=96\r\n");
    expect(startBitrate("", 1)).toBe("");
  });
});

describe("events", () => {
  class Source extends EventTarget {
    static CLOSED = 2;
    static all: Source[] = [];
    readyState = 1;
    onerror?: () => void;
    onopen?: () => void;
    constructor(readonly url: string) {
      super();
      Source.all.push(this);
    }
    close = vi.fn();
    tell(name: string, data: string, lastEventId = "") {
      this.dispatchEvent(Object.assign(new Event(name), { data, lastEventId }));
    }
  }
  it("hands on what it understands and comes back after a refusal", async () => {
    vi.useFakeTimers();
    const stop = new AbortController();
    const got: unknown[] = [];
    const run = listen("http://h/e", { caption: (c) => got.push(c.text), ladder: (l) => got.push(l.level), dumped: (d) => got.push(d), drain: (u) => got.push(u), moved: (f) => got.push(f), open: () => got.push("open"), end: (r) => got.push(r) }, stop.signal, undefined, Source as unknown as typeof EventSource);
    const first = Source.all[0]!;
    first.tell("caption", '{"text":"hi"}', "41");
    first.tell("caption", "{broken");
    first.tell("ladder", '{"level":"voice"}');
    first.onopen!();
    first.tell("moved", '{"fence":1795780000000001}');
    first.tell("moved", '{"fence":"soon"}');
    first.tell("dumped", '{"from":1.5,"to":5.5,"phrases":[3]}');
    first.tell("dumped", '{"from":"x","phrases":7}');
    first.tell("end", '{"reason":"drained"}');
    expect(got).toEqual(["hi", "voice", "open", 1795780000000001, 0, { from: 1.5, to: 5.5, phrases: [3] }, { from: 0, to: 0, phrases: [] }, "drained"]);
    first.readyState = 0; // it reconnects by itself
    first.onerror!();
    await vi.advanceTimersByTimeAsync(5000);
    expect(Source.all).toHaveLength(1);
    first.readyState = 2;
    first.onerror!();
    await vi.advanceTimersByTimeAsync(2000);
    expect(Source.all.map((s) => s.url)).toEqual(["http://h/e", "http://h/e?last-event-id=41"]);
    stop.abort();
    await run;
    expect(Source.all[1]!.close).toHaveBeenCalled();
  });
  it.each(["", "null", "7", "{"])("ignores %j", (s) => expect(parse(s)).toBeUndefined());
});

describe("words", () => {
  it("speaks the reader's language", () => {
    expect([["ko-KR", "en"], ["fr", "ko"], ["de"], []].map(choose)).toEqual(["ko", "ko", "en", "en"]);
    expect(fill("{a} and {b}", { a: 1 })).toBe("1 and {b}");
  });
  it("keeps the same blanks in Korean", () => {
    const blanks = (s: string) => [...s.matchAll(/\{\w+\}/g)].map(String).sort();
    for (const k of Object.keys(en) as (keyof typeof en)[]) expect([k, blanks(ko[k])]).toEqual([k, blanks(en[k])]);
  });
});

describe("meter", () => {
  it("reads silence, speech and full scale", () => {
    expect(level(new Float32Array(100))).toBe(0);
    expect(level(new Float32Array(100).fill(1))).toBe(1);
    expect(level(new Float32Array(100).fill(0.1))).toBeCloseTo(2 / 3);
  });
});
