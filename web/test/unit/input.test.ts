import { describe, expect, it } from "vitest";
import { lacking } from "../../src/media/input";

describe("what a person is told of camera and microphone", () => {
  const track = (change = {}) => ({ readyState: "live", enabled: true, muted: false, ...change });
  const stream = (camera = {}, microphone = {}) =>
    ({ getVideoTracks: () => [track(camera)], getAudioTracks: () => [track(microphone)] }) as unknown as MediaStream;
  const sending = (track: object | null, kind = "video") =>
    ({ getTransceivers: () => [{ receiver: { track: { kind } }, sender: { track } }] }) as unknown as RTCPeerConnection;
  it("is nothing while both come, connected or not", () => {
    expect(lacking(stream())).toBeNull();
    expect(lacking(stream(), sending({}))).toBeNull();
  });
  it("is what is missing, the microphone first", () => {
    expect(lacking(stream({ enabled: false }))).toBe("camera-off");
    expect(lacking(stream({ muted: true }))).toBe("camera-still");
    expect(lacking(stream(), sending(null))).toBe("camera-still");
    expect(lacking(stream(), sending(null, "audio"))).toBe("microphone-still");
    expect(lacking(stream({ readyState: "ended", enabled: false }))).toBe("camera-lost");
    expect(lacking(stream({ muted: true }, { muted: true }))).toBe("microphone-still");
    expect(lacking(stream({ readyState: "ended" }, { readyState: "ended" }))).toBe("microphone-lost");
  });
});
