import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Ears, ended } from "../../src/live/ears";
import { Keep, type Keeper } from "../../src/live/keep";
import { Place } from "../../src/live/place";
import { Pulse, Quiet } from "../../src/live/pulse";
import * as api from "../../src/net/api";
import { Backoff } from "../../src/net/backoff";
import { Trouble } from "../../src/net/errors";
import { listen } from "../../src/net/events";
import { Fence } from "../../src/net/fence";
import type { Link } from "../../src/net/whip";

vi.mock("../../src/net/api");
vi.mock("../../src/net/events");

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.resetAllMocks();
});

/** A connection that a test cuts, or holds its packets back. */
function link(fence = 0) {
  let cut = () => undefined as void;
  const lost = new Promise<void>((resolve) => (cut = resolve));
  const l = { pc: {} as RTCPeerConnection, stream: {} as MediaStream, fence, lost, cut, packets: 1, flows: true, close: vi.fn(() => cut()) };
  return l satisfies Link;
}

/** Keeps what `tries` bring, one after the other; the last of them waits for ever. */
function kept(tries: (ReturnType<typeof link> | Trouble)[], change: Partial<Keeper> = {}) {
  const stop = new AbortController();
  const at: number[] = []; // ms, of the tries
  const began = Date.now();
  const down = vi.fn();
  const up = vi.fn();
  const keep = new Keep({
    connect: (signal) => {
      at.push(Date.now() - began);
      const next = tries[at.length - 1];
      if (next instanceof Trouble) return Promise.reject(next);
      return next ? Promise.resolve(next) : new Promise((_, no) => signal.addEventListener("abort", () => no(signal.reason)));
    },
    up, down,
    pulse: (l, signal) => new Pulse({ count: async () => ((l as ReturnType<typeof link>).flows ? (l as ReturnType<typeof link>).packets++ : (l as ReturnType<typeof link>).packets), every: 100, most: 500 }, signal),
    ...change,
  }, new Backoff(1, 8, () => 0.5));
  const run = keep.run(stop.signal);
  run.catch(() => undefined);
  return { keep, run, stop, at, up, down, told: () => down.mock.calls.map(([why, wait]) => [why.kind, wait]) };
}

describe("keep", () => {
  it("connects again at once when a connection breaks, then ever more rarely", async () => {
    const [a, b] = [link(), link()];
    const k = kept([a, new Trouble("server-gone"), new Trouble("full", "", 20), b]);
    await vi.advanceTimersByTimeAsync(1000);
    a.cut();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(k.told()).toEqual([["interrupted", 0], ["server-gone", 2], ["full", 22.5]]);
    expect(k.at).toEqual([0, 1000, 3000, 25_500]);
    expect(k.up).toHaveBeenLastCalledWith(b, null, expect.any(Promise));
    expect(a.close).toHaveBeenCalled();
    k.stop.abort();
    await k.run;
    expect(b.close).toHaveBeenCalled();
  });
  it("does not connect in a loop to what breaks again and again, and forgives what lasted", async () => {
    const all = Array.from({ length: 6 }, () => link());
    const k = kept(all);
    await vi.advanceTimersByTimeAsync(10);
    for (const [i, wait] of [0, 2, 4, 8, 8].entries()) {
      all[i]!.cut();
      await vi.advanceTimersByTimeAsync(wait * 1000 + 10);
      expect(k.up.mock.lastCall![0]).toBe(all[i + 1]);
    }
    expect(k.told().map(([, wait]) => wait)).toEqual([0, 2, 4, 8, 8]);
    await vi.advanceTimersByTimeAsync(11_000);
    all[5]!.cut();
    await vi.advanceTimersByTimeAsync(10);
    expect(k.told().at(-1)).toEqual(["interrupted", 0]);
    k.stop.abort();
    await k.run;
  });
  it.each(["refused", "session-gone"] as const)("gives up on %s", async (kind) => {
    await expect(kept([new Trouble(kind)]).run).rejects.toMatchObject({ kind });
  });
  it("connects beside what has fallen silent, within a second", async () => {
    const [a, b] = [link(), link()];
    const k = kept([a, b]);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(k.at).toEqual([0]);
    a.flows = false;
    await vi.advanceTimersByTimeAsync(900);
    expect(k.told()).toEqual([["interrupted", 0]]);
    expect(k.up).toHaveBeenLastCalledWith(b, null, expect.any(Promise));
    expect(a.close).toHaveBeenCalled();
    k.stop.abort();
    await k.run;
  });
  it("goes on with what comes back before there is another", async () => {
    const a = link();
    const k = kept([a, new Trouble("full")]);
    await vi.advanceTimersByTimeAsync(1000);
    a.flows = false;
    await vi.advanceTimersByTimeAsync(800);
    a.flows = true;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(k.told()).toEqual([["interrupted", 0], ["full", 2]]);
    expect(k.up.mock.calls.map(([l, before]) => [l, before])).toEqual([[a, null], [a, null]]);
    expect(a.close).not.toHaveBeenCalled();
    k.stop.abort();
    await k.run;
  });
  it("moves: the old one is closed when the new one has taken its place", async () => {
    const [a, b] = [link(1), link(2)];
    let taken = () => undefined as void;
    const up = vi.fn((_l: Link, before: Link | null) => (before ? new Promise<void>((resolve) => (taken = resolve)) : undefined));
    const k = kept([a, b], { up });
    await vi.advanceTimersByTimeAsync(1000);
    k.keep.renew(1); // it is there
    await vi.advanceTimersByTimeAsync(1000);
    expect(k.at).toEqual([0]);
    k.keep.renew(2);
    await vi.advanceTimersByTimeAsync(1000);
    expect(up).toHaveBeenLastCalledWith(b, a, expect.any(Promise));
    expect(a.close).not.toHaveBeenCalled();
    taken();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(a.close).toHaveBeenCalled();
    expect([k.at, k.told()]).toEqual([[0, 1000 + 1000], []]);
    k.stop.abort();
    await k.run;
  });
  it("does not wait for a silence of what has died meanwhile", async () => {
    const [a, b] = [link(1), link(2)];
    const k = kept([a, b], { up: (_l, before, gone) => (before ? gone : undefined) });
    await vi.advanceTimersByTimeAsync(1000);
    k.keep.renew(2);
    await vi.advanceTimersByTimeAsync(1000);
    expect(a.close).not.toHaveBeenCalled();
    a.flows = false;
    await vi.advanceTimersByTimeAsync(800);
    expect(a.close).toHaveBeenCalled();
    expect([b.close.mock.calls, k.told()]).toEqual([[], []]);
    k.stop.abort();
    await k.run;
  });
  it("tries to move until it has, and tells nobody while the old one works", async () => {
    const [a, b] = [link(1), link(2)];
    const k = kept([a, new Trouble("stale"), new Trouble("full"), b]);
    await vi.advanceTimersByTimeAsync(1000);
    k.keep.renew(2);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([k.told(), k.up.mock.lastCall!.slice(0, 2)]).toEqual([[], [b, a]]);
    k.stop.abort();
    await k.run;
  });
  it("does not wait out a pause once the session is known to be elsewhere", async () => {
    const k = kept([link(1), new Trouble("server-gone"), new Trouble("server-gone"), new Trouble("server-gone"), link(2)]);
    await vi.advanceTimersByTimeAsync(10);
    vi.mocked(k.up).mock.calls[0]![0].close();
    await vi.advanceTimersByTimeAsync(7000);
    expect(k.at).toHaveLength(4); // and 8 s to wait
    k.keep.renew(2);
    await vi.advanceTimersByTimeAsync(10);
    expect(k.at).toHaveLength(5);
    k.stop.abort();
    await k.run;
  });
  it("closes one in doubt before it tries another where a session takes one", async () => {
    const a = link();
    const k = kept([a], { alone: true });
    await vi.advanceTimersByTimeAsync(1000);
    a.flows = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect(a.close).toHaveBeenCalled();
    expect(k.at).toHaveLength(2);
    k.stop.abort();
    await k.run;
  });
});

describe("quiet", () => {
  it("begins with the first packet, and ends with each", () => {
    const q = new Quiet(250);
    expect([[0, 0], [0, 900], [5, 1000], [5, 1125], [5, 1250], [6, 1375], [6, 1500]].map(([n, t]) => q.read(n!, t!))).toEqual([0, 0, 0, 125, 250, 0, 125]);
  });
  it("believes late readings less: timers of a page in the background, a machine that slept", () => {
    const q = new Quiet(250);
    expect([[5, 0], [5, 3_600_000], [6, 3_600_100], [6, 3_601_100], [6, 3_602_100]].map(([n, t]) => q.read(n!, t!))).toEqual([0, 250, 0, 250, 500]);
  });
});

describe("fence", () => {
  it("rises, and takes nothing below", () => {
    const f = new Fence();
    f.risen = vi.fn();
    expect([f.see(null), f.see(undefined), f.see("x"), f.see(-1), f.see(5), f.see("5"), f.see(1795780000000001), f.see(null)]).toEqual([0, 0, 0, 0, 5, 5, 1795780000000001, 1795780000000001]);
    expect(vi.mocked(f.risen).mock.calls).toEqual([[1795780000000001]]);
    expect(() => f.see(6)).toThrow("stale");
    expect(f.now).toBe(1795780000000001);
  });
  it("ends the wait for a node that has lost the session", async () => {
    const f = new Fence();
    f.see(4);
    await expect(f.holds(4, Promise.resolve("up"))).resolves.toBe("up");
    const waits = f.holds(4, new Promise(() => undefined));
    f.see(4);
    f.see(5);
    await expect(waits).rejects.toMatchObject({ kind: "interrupted" });
    await expect(f.holds(4, new Promise(() => undefined))).rejects.toMatchObject({ kind: "interrupted" });
  });
});

describe("a place", () => {
  const open = () => {
    const place = new Place(new AbortController().signal, 4);
    const [first, then] = [{ renew: vi.fn() }, { renew: vi.fn() }];
    place.first.add(first);
    place.then.add(then);
    place.fence.see(3);
    return { place, first, then };
  };
  it("sends those who watch first, and the others after them", async () => {
    const { place, first, then } = open();
    place.moved(4);
    place.moved(2); // old news
    expect([first.renew.mock.calls, then.renew.mock.calls]).toEqual([[[4]], []]);
    place.arrived(4);
    expect(then.renew.mock.calls).toEqual([[4]]);
  });
  it("does not keep the others waiting for long", async () => {
    const { place, then } = open();
    place.moved(4);
    await vi.advanceTimersByTimeAsync(14_100);
    expect(then.renew).toHaveBeenCalledWith(4);
  });
  it("gives a node time to say that it is ready, and then goes there all the same", async () => {
    const { place, first } = open();
    place.fence.see(4);
    await vi.advanceTimersByTimeAsync(18_000);
    expect(first.renew).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(2000);
    expect(first.renew).toHaveBeenCalledWith(4);
  });
});

describe("ears", () => {
  const to = { caption: () => undefined, ladder: () => undefined, dumped: () => undefined, drain: () => undefined, moved: () => undefined, end: () => undefined };
  const open = () => {
    const fence = new Fence();
    fence.see(1);
    const ears = new Ears("http://h/e", to, fence, new AbortController().signal);
    const streams = vi.mocked(listen).mock.calls;
    streams[0]![1].open!();
    const over = () => streams.map(([, , signal]) => signal.aborted);
    return { fence, ears, streams, over };
  };
  it("let a stream come back by itself", async () => {
    const { fence, ears, streams, over } = open();
    ears.renew(1);
    fence.see(2);
    ears.renew(2);
    streams[0]![1].open!();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(over()).toEqual([false]);
  });
  it("open another beside one that hangs, which ends when the new one is open", async () => {
    const { fence, ears, streams, over } = open();
    for (const f of [2, 2, 3]) {
      fence.see(f);
      ears.renew(f);
      await vi.advanceTimersByTimeAsync(4000);
    }
    expect(over()).toEqual([false, false, false]);
    streams[2]![1].open!();
    expect(over()).toEqual([true, true, false]);
  });
  const session = (...answers: (Trouble | number)[]) => {
    const get = vi.mocked(api.get);
    for (const a of answers) {
      get.mockImplementationOnce(async (_url, fence) => {
        if (a instanceof Trouble) throw a;
        fence.see(a);
        return {} as never;
      });
    }
  };
  it.each([
    ["of a server alone", 0, [], "the session has ended", "ended"],
    ["of a server alone that restarts", 0, [], "the server is shutting down", "session-gone"],
    ["that another node does not confirm", 5, [6], "the session has ended", undefined],
    ["that comes true", 5, [5, new Trouble("session-gone")], "the session has ended", "ended"],
    ["that nobody can tell about", 5, [new Trouble("server-gone")], "the server is shutting down", undefined],
    ["that is not true", 5, [5, 5, 5, 5, 5], "the session has ended", undefined],
  ])("hear of an end %s", async (_name, at, answers, reason, kind) => {
    const fence = new Fence();
    fence.see(at);
    session(...answers);
    const told = ended(reason, "http://h/s", fence, new AbortController().signal);
    await vi.advanceTimersByTimeAsync(6000);
    expect((await told)?.kind).toBe(kind);
    expect(vi.mocked(api.get)).toHaveBeenCalledTimes(answers.length);
  });
});
