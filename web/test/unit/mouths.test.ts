import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { forgetMouths, keptKey, rememberKey } from "../../src/net/mouths";

const key = "A".repeat(42) + "-";

let kept: Map<string, string>;
beforeEach(() => {
  kept = new Map();
  vi.stubGlobal("localStorage", { getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => void kept.set(k, v), removeItem: (k: string) => void kept.delete(k) });
  vi.stubGlobal("document", { baseURI: "http://h/prefix/" });
});
afterEach(() => vi.unstubAllGlobals());

const answers = (status: number) => vi.fn<typeof fetch>(async () => new Response(status === 204 ? null : '{"error":"no"}', { status }));

describe("the key to kept mouths", () => {
  it("is remembered, where it can be one", () => {
    rememberKey("hush");
    expect(keptKey()).toBe("");
    rememberKey(key);
    expect(keptKey()).toBe(key);
    kept.set("livedub.mouths", "somebody else's");
    expect(keptKey()).toBe("");
  });
  it("is forgotten once the mouths are erased, or gone", async () => {
    for (const status of [204, 404]) {
      rememberKey(key);
      const asked = answers(status);
      vi.stubGlobal("fetch", asked);
      await forgetMouths();
      expect(keptKey()).toBe("");
      const [url, init] = asked.mock.calls[0]!;
      expect(url).toBe("http://h/prefix/v1/mouths"); // never the key
      expect(init).toMatchObject({ method: "DELETE", headers: { Authorization: `Bearer ${key}` } });
    }
  });
  it("stays while they are not erased", async () => {
    rememberKey(key);
    for (const status of [502, 503, 400]) {
      vi.stubGlobal("fetch", answers(status));
      await expect(forgetMouths()).rejects.toThrow();
      expect(keptKey()).toBe(key);
    }
  });
  it("asks nothing where there is none", async () => {
    const asked = answers(204);
    vi.stubGlobal("fetch", asked);
    await forgetMouths();
    expect(asked).not.toHaveBeenCalled();
  });
});
