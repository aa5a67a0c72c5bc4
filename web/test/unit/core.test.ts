import { describe, expect, it } from "vitest";
import { inLang, pieces, spokenAt, withCaption, withoutDumped, type Row } from "../../src/core/captions";
import { SessionClock } from "../../src/core/clock";
import { parseRoute, watchLink } from "../../src/core/route";
import { nice, path, push, range } from "../../src/core/series";
import { StatsReader, delayOf } from "../../src/core/stats";
import { fall, width } from "../../src/core/waterfall";
import { longest, most, readWords } from "../../src/core/words";

describe("captions", () => {
  const c = (lang: string, id: number, text: string, final: boolean) => ({ lang, id, text, final, start: id * 3, end: id * 3 + 2 });
  it("joins the languages of a phrase and keeps final text", () => {
    let rows: Row[] = [];
    rows = withCaption(rows, c("en", 1, "good", false));
    rows = withCaption(rows, c("en", 1, "good morning", true));
    rows = withCaption(rows, c("en", 1, "good morn", false)); // overtaken
    rows = withCaption(rows, c("es", 1, "buenos días", true));
    rows = withCaption(rows, c("en", 0, "hello", true)); // came late
    expect(rows.map((r) => r.id)).toEqual([0, 1]);
    expect(inLang(rows, "en").map((r) => r.line.text)).toEqual(["hello", "good morning"]);
    expect(inLang(rows, "es").map((r) => r.id)).toEqual([1]);
  });
  it("keeps what was heard with how much certainty", () => {
    const words = [{ text: "good", confidence: 0.9 }, { text: "morning", confidence: 0.3 }];
    const rows = withCaption([], { ...c("en", 1, "good morning", true), words });
    expect(rows[0]!.lines["en"]!.words).toEqual(words);
  });
  it("marks the words that are doubtful, where they stand in the text", () => {
    const line = (text: string, ...words: [string, number][]) => ({ text, final: true, words: words.map(([text, confidence]) => ({ text, confidence })) });
    expect(pieces(line("no words"))).toEqual([{ text: "no words" }]);
    expect(pieces(line("The cat, the hat.", ["the", 0.9], ["cat,", 0.2], ["the", 0.4], ["hat", 0.5]))).toEqual(
      [{ text: "The " }, { text: "cat,", doubt: 0.2 }, { text: " " }, { text: "the", doubt: 0.4 }, { text: " hat." }]);
    expect(pieces(line("a a", ["a", 0.9], [" a ", 0]))).toEqual([{ text: "a " }, { text: "a", doubt: 0 }]);
    expect(pieces(line("hello", ["hallo", 0.1], ["", 0.1]))).toEqual([{ text: "hello" }]); // not in the text
    expect(pieces({ text: "", final: true })).toEqual([]);
  });
  it("drops what was partial when final text came that is later or takes its place", () => {
    let rows: Row[] = [];
    for (const [id, text, final] of [[1, "one", true], [2, "tw", false], [3, "thr", false]] as const) rows = withCaption(rows, c("en", id, text, final));
    rows = withCaption(rows, c("es", 1, "uno", true));
    expect(inLang(rows, "en").map((r) => r.id)).toEqual([1, 2, 3]);
    rows = withCaption(rows, { ...c("en", 7, "two", true), start: 6.2, end: 8.1 });
    expect(inLang(rows, "en").map((r) => r.line.text)).toEqual(["one", "two", "thr"]);
    expect(inLang(rows, "es").map((r) => r.line.text)).toEqual(["uno"]);
  });
  it("forgets the oldest", () => {
    let rows: Row[] = [];
    for (let i = 0; i < 10; i++) rows = withCaption(rows, c("en", i, `t${i}`, true), 4);
    expect(rows.map((r) => r.id)).toEqual([6, 7, 8, 9]);
  });
  it("takes away what was dumped, and what was being said", () => {
    let rows: Row[] = [];
    for (const [id, final] of [[1, true], [2, true], [3, false]] as const) rows = withCaption(rows, c("en", id, `t${id}`, final)); // at 3, 6 and 9 s
    rows = withCaption(rows, c("es", 2, "dos", true));
    expect(withoutDumped(rows, { from: 10, to: 14, phrases: [2] }).map((r) => r.id)).toEqual([1]);
    expect(withoutDumped(rows, { from: 8, to: 12, phrases: [] }).map((r) => r.id)).toEqual([1, 2, 3]);
  });
  it("shows a subtitle while it sounds and a second longer", () => {
    const rows = withCaption([], c("es", 1, "hola", true)); // 3 s to 5 s
    expect([2.9, 3, 5.9, 6].map((t) => spokenAt(rows, "es", t))).toEqual(["", "hola", "hola", ""]);
    expect(spokenAt(withCaption([], c("es", 1, "ho", false)), "es", 4)).toBe("");
  });
});

describe("words to keep", () => {
  it("are read one a line, each once", () => {
    expect(readWords(" Torres\u00a0 Blancas \r\n\n- \ntorres blancas\n3G\u0007\n서울")).toEqual({ words: ["Torres Blancas", "3G", "서울"], cut: false });
    expect(readWords("")).toEqual({ words: [], cut: false });
  });
  it("are cut to what a session may have, which is told", () => {
    const many = Array.from({ length: most + 1 }, (_, i) => `w${i}`);
    expect(readWords(many.join("\n"))).toEqual({ words: many.slice(0, most), cut: true });
    expect(readWords(`${"é".repeat(longest)}\n${"a".repeat(longest + 1)}`)).toEqual({ words: ["é".repeat(longest)], cut: true });
  });
});

describe("series", () => {
  it("keeps what the plot shows", () => {
    let s = [{ t: 1, v: 1 }];
    for (const t of [30, 61, 62]) s = push(s, { t, v: t }, 60);
    expect(s.map((p) => p.t)).toEqual([30, 61, 62]);
  });
  it("draws noise small and values in full", () => {
    expect(range([4001, 4003], 1000, [0])).toEqual([0, 5000]);
    expect(range([3, -4], 80, [-40, 40])).toEqual([-40, 40]);
    expect(range([-130], 80, [-40, 40])[0]).toBeLessThanOrEqual(-130);
    expect(range([], 10)).toEqual([0, 10]);
    expect(range([NaN, Infinity], 10)).toEqual([0, 10]);
  });
  it("rounds steps to 1, 2, 5", () => expect([0.013, 1, 3, 70, 0].map(nice)).toEqual([0.02, 1, 5, 100, 1]));
  it("ends at the right edge, with high values above", () => {
    const s = [{ t: 0, v: 0 }, { t: 30, v: 10 }, { t: 60, v: 20 }];
    expect(path(s, 60, [0, 20], 200, 40)).toBe("M0 40L100 20L200 0");
    expect(path(s, 60, [0, 20], 200, 40, true)).toBe("M0 40H100V20H200V0");
    expect(path([], 60, [0, 1], 200, 40)).toBe("");
    expect(path([{ t: 5, v: 99 }], 60, [0, 20], 200, 40)).toBe("M200 0"); // clamped
  });
});

describe("waterfall", () => {
  const phrase = {
    id: 1, source_text: "hello", text: "hola", source_start: 10, source_end: 12, dub_start: 10.5, dub_end: 12.2, late_ms: 500, fate: "played",
    steps: { heard_at: 12.4, ready_at: 12.9, translate_ms: 100, speak_ms: 200 },
  };
  it("lays the stages end to end on the session's clock", () => {
    const f = fall(phrase, 4);
    expect(f.bars.map((b) => b.stage)).toEqual(["spoken", "recognized", "translated", "voiced", "waits", "played"]);
    const at = f.bars.map((b) => [b.from, b.to].map((v) => Math.round(v * 1000) / 1000));
    expect(at).toEqual([[0, 2], [2, 2.4], [2.4, 2.5], [2.5, 2.9], [2.9, 4.5], [4.5, 6.2]]);
    expect(f.late).toBe(0.5);
    expect(f.slowest).toBeUndefined();
    const slowest = { stage: "voice", engine: "kokoro", ms: 1830 } as const;
    expect(fall({ ...phrase, slowest }, 4).slowest).toEqual(slowest);
    expect(width([f])).toBeCloseTo(6.2);
  });
  it("shows a skipped phrase without a dub", () => {
    const f = fall({ ...phrase, dub_start: null, dub_end: null, late_ms: null, fate: "skipped_late" }, 4);
    expect(f.bars.at(-1)?.stage).toBe("voiced");
    expect(f.late).toBeNull();
    expect(width([])).toBe(1);
  });
});

describe("stats", () => {
  const report = (delay: number, count: number) => [
    { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.05 },
    { type: "inbound-rtp", kind: "audio", estimatedPlayoutTimestamp: 1000 },
    { type: "inbound-rtp", kind: "video", estimatedPlayoutTimestamp: 1030, jitterBufferDelay: delay, jitterBufferEmittedCount: count, frameWidth: 640, frameHeight: 360, framesPerSecond: 30 },
  ];
  it("reads the buffer of the last second only, and late sound as positive", () => {
    const r = new StatsReader();
    expect(r.read(report(3, 30)).buffer).toBeCloseTo(0.1);
    const s = r.read(report(4.2, 60));
    expect(s.buffer).toBeCloseTo(0.04);
    expect(s.offset).toBe(30);
    expect(r.read(report(4.2, 60)).buffer).toBeNull();
    expect(delayOf(4000, s, s)).toBeCloseTo(4090);
  });
  it("says nothing where nothing was measured", () => {
    expect(new StatsReader().read([])).toMatchObject({ rtt: null, buffer: null, offset: null });
    expect(delayOf(120, null, null)).toBe(120);
  });
});

describe("clock", () => {
  it("believes the earliest news", () => {
    let page = 100;
    const c = new SessionClock(() => page);
    expect(c.now()).toBeNull();
    c.reached(9); // a second old when it came
    page = 101;
    c.reached(11);
    page = 103;
    c.reached(12.2); // late
    c.reached(NaN);
    expect(c.now()).toBe(13);
  });
});

describe("route", () => {
  it("reads what it wrote", () => {
    const link = watchLink("https://other/#/watch/a%20b~w.tft6o0.x-_Y/pt-BR", "http://h:1/x/#old");
    expect(link).toBe("http://h:1/x/#/watch/a%20b~w.tft6o0.x-_Y/pt-BR");
    expect(parseRoute(new URL(link).hash)).toEqual({ id: "a b~w.tft6o0.x-_Y", lang: "pt-BR" });
  });
  it.each(["", "#", "#/watch/a", "#/watch//es", "#/watch/a/e s", "#/watch/%E0%A4%A/es", "#/watch/a/es/x"])("%s is the studio", (h) => expect(parseRoute(h)).toBeNull());
});
