import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Figures } from "../../src/live/figures";
import { nothing } from "../../src/live/state";
import { devices, openCamera } from "../../src/media/input";
import { meter } from "../../src/media/meter";
import { begin, openVideo, runs, stalled } from "../../src/media/player";
import * as api from "../../src/net/api";
import { asTrouble } from "../../src/net/errors";
import { listen } from "../../src/net/events";
import { Fence } from "../../src/net/fence";
import type { SessionInfo } from "../../src/net/types";
import { publish, watch } from "../../src/net/whip";
import { deadline, limits, within } from "../../src/net/within";

const never = <T>() => new Promise<T>(() => undefined);
const document = { baseURI: "http://h/" };

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", document);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** Holds a wait to its limit: it goes on until then, and is over with that Trouble. */
async function endsAfter(s: number, kind: string, waiting: Promise<unknown>) {
  let outcome: unknown;
  const over = waiting.then((v) => (outcome = v), (e) => (outcome = e));
  await vi.advanceTimersByTimeAsync(s * 1000 - 100);
  expect(outcome).toBeUndefined();
  await vi.advanceTimersByTimeAsync(200);
  await over;
  expect(asTrouble(outcome)).toMatchObject({ kind, detail: expect.stringContaining(`within ${s} s`) });
}

describe("a wait", () => {
  it("gives what came in time, also a failure", async () => {
    expect(await within(1, "unexpected", "it", Promise.resolve(7))).toBe(7);
    await expect(within(1, "unexpected", "it", Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(vi.getTimerCount()).toBe(0);
  });
  it("is over in time, and hands on what comes too late", async () => {
    let bring: (v: number) => void = () => undefined;
    const unwanted = vi.fn();
    await endsAfter(3, "video-stuck", within(3, "video-stuck", "it", new Promise<number>((resolve) => (bring = resolve)), unwanted));
    bring(7);
    await vi.advanceTimersByTimeAsync(0);
    expect(unwanted.mock.calls).toEqual([[7]]);
  });
  it("stops what can be stopped, by itself or from outside", async () => {
    const outer = new AbortController();
    const [alone, both] = [deadline(3, "server-gone", "it"), deadline(3, "server-gone", "it", outer.signal)];
    outer.abort("left");
    expect([alone.aborted, both.aborted, both.reason]).toEqual([false, true, "left"]);
    await vi.advanceTimersByTimeAsync(3000);
    expect(alone.reason).toMatchObject({ kind: "server-gone", detail: "it: nothing came within 3 s" });
  });
});

describe("a server that says nothing", () => {
  /** Fetches as browsers do: it rejects with the signal's reason, and so does reading the answer. */
  const server = (answers: boolean) =>
    vi.stubGlobal("fetch", (_url: string, init: RequestInit) => {
      const cut = new Promise<never>((_, reject) => init.signal!.addEventListener("abort", () => reject(init.signal!.reason)));
      cut.catch(() => undefined);
      return answers ? Promise.resolve({ ok: true, status: 200, json: () => cut, text: () => cut, headers: new Headers() }) : cut;
    });
  it.each([false, true])("is given up; its headers came: %s", async (answers) => {
    server(answers);
    await endsAfter(limits.answer, "server-gone", api.languages());
    await endsAfter(limits.answer, "server-gone", api.get("http://h/v1/sessions/talk", new Fence()));
  });
  it("is left at once where the page wants no more of it", async () => {
    server(false);
    const stop = new AbortController();
    const asked = api.get("http://h/v1/sessions/talk", new Fence(), stop.signal);
    stop.abort(new Error("left"));
    await expect(asked).rejects.toThrow("left");
  });
  it("does not hold back an end", async () => {
    server(false);
    const over = vi.fn();
    void api.remove("http://h/whip/talk/1");
    void api.removeLast("http://h/v1/sessions/talk").then(over);
    await vi.advanceTimersByTimeAsync(2 * limits.answer * 1000 + 100);
    expect(over).toHaveBeenCalled();
  });
  it("is asked again for its events", async () => {
    const made: { close: () => void; onopen?: () => void }[] = [];
    class Silent extends EventTarget {
      static CLOSED = 2;
      readyState = 0;
      onopen?: () => void;
      close = vi.fn();
      constructor() {
        super();
        made.push(this);
      }
    }
    const stop = new AbortController();
    const run = listen("http://h/e", { caption: () => undefined, ladder: () => undefined, dumped: () => undefined, drain: () => undefined, moved: () => undefined, end: () => undefined }, stop.signal, undefined, Silent as unknown as typeof EventSource);
    await vi.advanceTimersByTimeAsync(limits.answer * 1000 + 2000);
    expect(made).toHaveLength(2);
    expect(made[0]!.close).toHaveBeenCalled();
    made[1]!.onopen!(); // and one that answers is listened to
    await vi.advanceTimersByTimeAsync(limits.answer * 4000);
    expect(made).toHaveLength(2);
    stop.abort();
    await run;
  });
});

describe("a browser that does not finish", () => {
  const stuck = (change: object) =>
    vi.stubGlobal("RTCPeerConnection", class extends EventTarget {
      iceGatheringState = "complete";
      connectionState = "new";
      addTransceiver = vi.fn();
      close = vi.fn();
      setLocalDescription = async () => undefined;
      setRemoteDescription = async () => undefined;
      constructor() {
        super();
        Object.assign(this, change);
      }
    });
  it("making an offer is given up", async () => {
    stuck({ setLocalDescription: never });
    await endsAfter(limits.browser, "browser-stuck", watch("http://h/whep/talk/es", new Fence(), new AbortController().signal));
  });
  it("taking the answer is given up", async () => {
    stuck({ setRemoteDescription: never });
    vi.stubGlobal("fetch", async () => new Response("v=0\r\n", { status: 201 }));
    const silent = { getTracks: () => [] } as unknown as MediaStream;
    await endsAfter(limits.browser, "browser-stuck", publish("http://h/whip/talk", silent, new Fence(), new AbortController().signal));
  });
  it("telling its statistics is given up", async () => {
    const pc = { connectionState: "connected", getStats: never } as unknown as RTCPeerConnection;
    await endsAfter(limits.browser, "browser-stuck", new Figures().next(nothing, {} as SessionInfo, "es", pc));
  });
});

describe("a question that nobody answers", () => {
  it("is given up, and a camera allowed too late is let go of", async () => {
    let allow: (s: unknown) => void = () => undefined;
    vi.stubGlobal("navigator", { mediaDevices: { getUserMedia: () => new Promise((resolve) => (allow = resolve)), enumerateDevices: never } });
    await endsAfter(limits.person, "camera-unanswered", openCamera({ camera: "", microphone: "" }));
    const track = { stop: vi.fn() };
    allow({ getTracks: () => [track] });
    await vi.advanceTimersByTimeAsync(0);
    expect(track.stop).toHaveBeenCalled();
    await endsAfter(limits.browser, "browser-stuck", devices());
  });
});

describe("a file", () => {
  const track = (kind: string) => ({ kind, stop: vi.fn() });
  class Stream {
    constructor(readonly tracks: { kind: string; stop(): void }[]) {}
    getTracks = () => this.tracks;
    getVideoTracks = () => this.tracks.filter((t) => t.kind === "video");
    getAudioTracks = () => this.tracks.filter((t) => t.kind === "audio");
  }
  class File extends EventTarget {
    videoWidth = 640;
    paused = true;
    currentTime = 0;
    muted = false;
    load = vi.fn();
    pause = vi.fn();
    removeAttribute = vi.fn();
    play = never<void>;
    captured = new Stream([track("video"), track("audio")]);
    captureStream = () => this.captured;
  }
  const routed = track("audio");
  /** A browser with that file, whose sound works or not. */
  const browser = (file: File, resume: () => Promise<void>) => {
    vi.stubGlobal("document", { ...document, createElement: () => file });
    vi.stubGlobal("MediaStream", Stream);
    vi.stubGlobal("AudioContext", class {
      resume = resume;
      close = vi.fn(never<void>);
      createMediaStreamDestination = () => ({ stream: new Stream([routed]) });
      createMediaElementSource = () => ({ connect: vi.fn() });
    });
  };
  const open = async (file: File) => {
    const opened = openVideo("http://h/sample.mp4", "sample-missing");
    opened.catch(() => undefined);
    file.dispatchEvent(new Event("loadeddata"));
    await vi.advanceTimersByTimeAsync(limits.sound * 1000);
    return opened;
  };
  it("goes through WebAudio where sound is processed", async () => {
    const file = new File();
    browser(file, async () => undefined);
    const input = await open(file);
    expect(input.stream.getAudioTracks()).toEqual([routed]);
    expect(file.muted).toBe(false);
    input.close();
    expect(vi.getTimerCount()).toBe(0);
  });
  it("goes out as captured where it is not: resume() stays open without a loudspeaker", async () => {
    const file = new File();
    browser(file, never);
    const input = await open(file);
    expect(input.stream.getAudioTracks()).toEqual(file.captured.getAudioTracks());
    expect(file.muted).toBe(true);
    input.close();
  });
  it("without sound is refused there", async () => {
    const file = new File();
    file.captured = new Stream([track("video")]);
    browser(file, never);
    await expect(open(file)).rejects.toMatchObject({ kind: "file-silent" });
  });
  it("that does not load is given up", async () => {
    browser(new File(), async () => undefined);
    await endsAfter(limits.video, "video-stuck", openVideo("http://h/sample.mp4", "sample-missing"));
  });
  it("that does not begin is given up", () => endsAfter(limits.video, "video-stuck", begin(new File())));
  it("that stands still while it should play has ended", async () => {
    const file = new File();
    browser(file, async () => undefined);
    const ended = vi.fn();
    const input = await open(file);
    void input.ended.then(ended);
    await vi.advanceTimersByTimeAsync(3 * limits.stall * 1000);
    expect(ended).not.toHaveBeenCalled(); // it is paused
    file.paused = false;
    for (let i = 0; i < 3 * limits.stall; i++) {
      file.currentTime++;
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(ended).not.toHaveBeenCalled(); // it plays
    await vi.advanceTimersByTimeAsync(limits.stall * 1000 + 1000);
    expect(ended.mock.calls).toEqual([["stuck"]]);
    input.close();
  });
  it("is watched no longer than it is open", () => {
    stalled(new File()).stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("sound", () => {
  it("runs, fails or stays open", async () => {
    expect(await runs({ resume: async () => undefined })).toBe(true);
    expect(await runs({ resume: () => Promise.reject(new Error("no")) })).toBe(false);
    const open = runs({ resume: never });
    await vi.advanceTimersByTimeAsync(limits.sound * 1000);
    expect(await open).toBe(false);
  });
  it("that cannot be measured leaves a call without a level", () => {
    const close = vi.fn(async () => undefined);
    vi.stubGlobal("AudioContext", class {
      createAnalyser = () => ({});
      createMediaStreamSource = () => {
        throw new DOMException("different sample-rate", "NotSupportedError");
      };
      close = close;
    });
    const each = vi.fn();
    meter({ getAudioTracks: () => [{}] } as unknown as MediaStream, each)();
    expect(close).toHaveBeenCalled();
    expect(each).not.toHaveBeenCalled();
  });
});
