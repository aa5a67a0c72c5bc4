import { afterEach, describe, expect, it, vi } from "vitest";
import { captionAt, clockText, phraseAt, placeOf, recordingTime, sizeText, wordsOf, type Stretch } from "../../src/core/recording";
import { parseRecording } from "../../src/core/route";
import { forget, mine, ownRecording, remember } from "../../src/net/mine";
import { list, rightOf, transcript } from "../../src/net/recordings";
import type { SessionInfo } from "../../src/net/types";

afterEach(() => vi.unstubAllGlobals());

const created = Date.parse("2026-11-27T18:00:00Z");
/** Segments at these recording times, one after the other on the player's own timeline. */
const parts = (...at: number[]): Stretch[] => at.map((t, i) => ({ start: 4 * i, duration: 4, programDateTime: created + t * 1000 }));

describe("recording time", () => {
  it("is the player's where nothing is missing", () => {
    const p = parts(0, 4, 8);
    for (const t of [0, 3.98, 4, 7.5, 11.9]) {
      expect(placeOf(p, created, t)).toBeCloseTo(t, 6);
      expect(recordingTime(p, created, t)).toBeCloseTo(t, 6);
    }
  });
  it("goes on behind a hole of this language", () => {
    const p = parts(0, 4, 20, 24);
    expect(recordingTime(p, created, 7)).toBeCloseTo(7);
    expect(recordingTime(p, created, 9)).toBeCloseTo(21);
    expect(placeOf(p, created, 21)).toBeCloseTo(9);
    expect(placeOf(p, created, 12)).toBeCloseTo(8); // what comes next
    expect(placeOf(p, created, 99)).toBeCloseTo(16); // the end
  });
  it("leads from one language to the other and back, to the millisecond", () => {
    const [a, b] = [parts(0, 4, 8, 12), parts(2.5, 6.5, 10.5)];
    for (const at of [3.123, 5, 9.999]) {
      const t = recordingTime(a, created, at)!;
      expect(recordingTime(b, created, placeOf(b, created, t))).toBeCloseTo(t, 3);
    }
  });
  it("is not known without a playlist", () => {
    expect(recordingTime([], created, 3)).toBeNull();
    expect(recordingTime([{ start: 0, duration: 4, programDateTime: null }], created, 3)).toBeNull();
    expect(placeOf([], created, 3)).toBe(0);
  });
});

describe("transcript", () => {
  const said = [
    { id: 1, start: 1, end: 2, source_text: "one", text: "uno" },
    { id: 2, start: null, end: null, source_text: "two", text: "dos" },
    { id: 3, start: 5, end: 6, source_text: "three", text: "" },
  ];
  it("knows the phrase that sounds", () => {
    expect([0, 1, 2, 4.9, 5, 60].map((t) => phraseAt(said, t))).toEqual([-1, 0, 0, 0, 2, 2]);
    expect([0, 1, 2.9, 3, 5].map((t) => captionAt(said, t, false))).toEqual(["", "uno", "uno", "", ""]);
    expect(captionAt(said, 5, true)).toBe("three");
    expect(captionAt([], 5, true)).toBe("");
    expect(said.map((p) => wordsOf(p, false))).toEqual(["uno", "dos", ""]);
  });
  it("is a list, also where the server has none", async () => {
    vi.stubGlobal("fetch", async () => new Response('{"phrases":null}'));
    expect(await transcript("http://x/y")).toEqual([]);
  });
});

describe("texts", () => {
  it("tell length and size", () => {
    expect([-1, 0, 65.9, 3723].map(clockText)).toEqual(["0:00", "0:00", "1:05", "1:02:03"]);
    expect([0, 999, 1000, 2_340_000, 56_000_000, 7e15].map(sizeText)).toEqual(["0 B", "999 B", "1.0 kB", "2.3 MB", "56 MB", "7000 TB"]);
  });
});

describe("addresses", () => {
  it("name a recording, the list, or neither", () => {
    expect(["#/recordings", "#/recordings/", "#/recordings/ab~w.1.x", "#/recordings/a%20b~w", "", "#/watch/x/es", "#/recordings/%zz", "#/recordings/a/b"].map(parseRecording))
      .toEqual(["", "", "ab~w.1.x", "a b~w", null, null, null, null]);
    expect(rightOf("http://x/dub/#/recordings/ab~w.1.x")).toBe("ab~w.1.x");
    expect(rightOf("http://x/v1/recordings/a%20b~c.1.x/es.mp4")).toBe("a b~c.1.x");
    expect(rightOf("nonsense")).toBe("");
  });
  it("asks for the list with the operator's token, which no address has", async () => {
    const asked: [string, RequestInit][] = [];
    vi.stubGlobal("document", { baseURI: "http://x/dub/" });
    vi.stubGlobal("fetch", async (url: string, init: RequestInit) => (asked.push([url, init]), new Response('{"recordings":[]}')));
    await list("secret", "a&b");
    await list("");
    expect(asked[0]![0]).toBe("http://x/dub/v1/recordings?limit=50&after=a%26b");
    expect(asked.map(([, init]) => init.headers)).toEqual([{ Authorization: "Bearer secret" }, {}]);
  });
});

describe("recordings of this browser", () => {
  const store = () => {
    const kept = new Map<string, string>();
    vi.stubGlobal("localStorage", { getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => kept.set(k, v) });
    return kept;
  };
  it("are remembered with the right given last", () => {
    store();
    remember("a~c.1.x");
    remember("b~c.1.y");
    remember("a~c.2.z");
    expect(mine()).toEqual(["a~c.2.z", "b~c.1.y"]);
    forget("a");
    expect(mine()).toEqual(["b~c.1.y"]);
    for (let i = 0; i < 60; i++) remember(`${i}~c`);
    expect(mine().length).toBe(50);
  });
  it("are none where the browser keeps nothing, or something else", () => {
    const kept = store();
    for (const v of ["{", "{}", "[1,null]"]) {
      kept.set("livedub.recordings", v);
      expect(mine()).toEqual([]);
    }
    vi.stubGlobal("localStorage", undefined);
    remember("a~c");
    expect(mine()).toEqual([]);
  });
  it("are of who controls the session", () => {
    const s = { id: "talk", epoch: "e-1", control: "http://x/v1/sessions/talk~c.1.x", recording: { state: "on" } } as SessionInfo;
    expect(ownRecording(s)).toBe("e-1~c.1.x");
    expect(ownRecording({ ...s, control: undefined })).toBe("");
    expect(ownRecording({ ...s, epoch: undefined })).toBe("");
    expect(ownRecording({ ...s, recording: { state: "off" } })).toBe("");
    expect(ownRecording(null)).toBe("");
  });
});
