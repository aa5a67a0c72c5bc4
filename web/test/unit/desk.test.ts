import { afterEach, describe, expect, it, vi } from "vitest";
import { Desk } from "../../src/live/desk";
import * as api from "../../src/net/api";
import { Trouble } from "../../src/net/errors";
import { Fence } from "../../src/net/fence";
import type { Dumped, SessionInfo } from "../../src/net/types";

vi.mock("../../src/net/api");
afterEach(() => void vi.resetAllMocks());

const info = { id: "talk", to: ["es"] } as SessionInfo;

/** A desk, and what it was told. */
function desk() {
  const got: unknown[] = [];
  const stop = new AbortController();
  const at = { url: "http://h/v1/sessions/talk~c", fence: new Fence(), signal: stop.signal };
  const made = new Desk(() => at, (i) => got.push(i), (d: Dumped) => got.push(d));
  return { made, got, stop, at };
}

describe("controls", () => {
  it("tell how the session stands after a change, and that what was asked before is old", async () => {
    const { made, got, at } = desk();
    vi.mocked(api.change).mockResolvedValue(info);
    const before = made.turn;
    const done = made.change({ dubs: { es: { muted: true } } });
    const under = made.turn;
    await done;
    expect(got).toEqual([info]);
    expect(vi.mocked(api.change).mock.calls[0]).toEqual([at.url, { dubs: { es: { muted: true } } }, at.fence, at.signal]);
    expect(new Set([before, under, made.turn]).size).toBe(3);
  });
  it("hand a refusal on, and tell nothing", async () => {
    const { made, got } = desk();
    vi.mocked(api.change).mockRejectedValue(new Trouble("refused", "gain 99 dB"));
    vi.mocked(api.dump).mockRejectedValue(new Trouble("server-gone"));
    await expect(made.change({ to: ["es"] })).rejects.toThrow("gain 99 dB");
    await expect(made.dump()).rejects.toThrow("server-gone");
    expect(got).toEqual([]);
  });
  it("do nothing without a session, and tell nothing after its end", async () => {
    const none = new Desk(() => null, () => expect.fail(), () => expect.fail());
    await none.change({ to: ["es"] });
    await none.dump();
    const { made, got, stop } = desk();
    vi.mocked(api.change).mockImplementation(async () => (stop.abort(), info));
    vi.mocked(api.dump).mockResolvedValue({ from: 1, to: 5, phrases: [2] });
    await made.change({ to: ["es"] });
    await made.dump();
    expect(got).toEqual([]);
  });
});
