import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { addOutput, removeOutput } from "../../src/net/outputs";
import type { SessionInfo } from "../../src/net/types";

const session = { id: "talk", control: "http://h/prefix/v1/sessions/talk~c.1.x" } as SessionInfo;

beforeEach(() => vi.stubGlobal("document", { baseURI: "http://h/prefix/" }));
afterEach(() => vi.unstubAllGlobals());

describe("outputs", () => {
  it("are added by an address that goes nowhere but into the body", async () => {
    const asked = vi.fn<typeof fetch>(async () => new Response('{"id":"one","url":"rtmp://a/b/…","langs":["es"],"state":"waiting"}', { status: 201 }));
    vi.stubGlobal("fetch", asked);
    expect((await addOutput(session, " rtmp://a/b/key ", ["es"])).id).toBe("one");
    const [url, init] = asked.mock.calls[0]!;
    expect(url).toBe("http://h/prefix/v1/sessions/talk~c.1.x/outputs");
    expect(init).toMatchObject({ method: "POST", body: '{"url":"rtmp://a/b/key","langs":["es"]}' });
  });
  it("are removed by their name", async () => {
    const asked = vi.fn<typeof fetch>(async () => new Response(null, { status: 204 }));
    vi.stubGlobal("fetch", asked);
    await removeOutput(session, "a/b");
    expect(asked.mock.calls[0]![0]).toBe("http://h/prefix/v1/sessions/talk~c.1.x/outputs/a%2Fb");
    expect(asked.mock.calls[0]![1]).toMatchObject({ method: "DELETE" });
  });
  it("that are refused tell why", async () => {
    vi.stubGlobal("fetch", vi.fn<typeof fetch>(async () => new Response('{"error":"url: this server does not send to that host"}', { status: 400 })));
    await expect(addOutput(session, "rtmp://10.0.0.1/b/key", ["es"])).rejects.toThrow("does not send");
  });
});
