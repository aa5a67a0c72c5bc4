// WHIP (RFC 9725) out, WHEP in: one offer, one answer, no trickle. The server
// is reachable at its own address, so a few host candidates suffice; what an ICE
// server finds later is tried all the same, and the server learns of it thereby.
import { call, remove } from "./api";
import { Trouble } from "./errors";
import type { Fence } from "./fence";
import { startBitrate } from "./sdp";
import { limits, within } from "./within";

const gatherFor = 300; // ms
const connectFor = 10_000; // ms
const patience = 1_000; // ms that a connection outlives its end
const lostFor = 1_000; // ms that "disconnected" may last, which comes after 5 s without an answer
const maxVideo = 2_500_000; // bit/s: 720p30 without blocks around the mouth
const firstVideo = 1_200; // kbit/s

/** The event of a stream that is about to end: browsers then turn its frame black. */
export const leaving = "leaving";

/** A live connection. `lost` settles (never rejects) when it has failed or was closed. */
export interface Link {
  pc: RTCPeerConnection;
  fence: number; // under which the server answered
  stream: MediaStream; // what comes, or goes out
  lost: Promise<void>;
  close(): void;
}

/** Sends a stream's tracks to a WHIP endpoint. */
export async function publish(url: string, stream: MediaStream, fence: Fence, signal: AbortSignal, iceServers?: RTCIceServer[]): Promise<Link> {
  const pc = new RTCPeerConnection({ iceServers });
  for (const track of stream.getTracks()) {
    const video = track.kind === "video";
    pc.addTransceiver(track, {
      direction: "sendonly", streams: [stream],
      sendEncodings: [video ? { maxBitrate: maxVideo } : {}],
    });
  }
  return { ...(await connect(pc, url, fence, signal, (sdp) => startBitrate(sdp, firstVideo))), stream };
}

/** Receives one language from a WHEP endpoint. */
export async function watch(url: string, fence: Fence, signal: AbortSignal, iceServers?: RTCIceServer[]): Promise<Link> {
  const pc = new RTCPeerConnection({ iceServers });
  pc.addTransceiver("video", { direction: "recvonly" });
  pc.addTransceiver("audio", { direction: "recvonly" });
  let stream: MediaStream | undefined;
  pc.ontrack = (e) => {
    stream ??= e.streams[0] ?? new MediaStream();
    if (!e.streams[0]) stream.addTrack(e.track);
  };
  const link = await connect(pc, url, fence, signal, (sdp) => sdp);
  const came = stream ?? new MediaStream();
  const close = () => {
    came.dispatchEvent(new Event(leaving));
    link.close();
  };
  return { ...link, stream: came, close };
}

async function connect(pc: RTCPeerConnection, url: string, fence: Fence, signal: AbortSignal, mend: (sdp: string) => string): Promise<Omit<Link, "stream">> {
  let resource = "";
  let under = 0;
  let closed = () => undefined as void;
  const closing = new Promise<void>((resolve) => (closed = resolve)); // our own close fires no event
  const close = () => {
    closed();
    // The server is told first: the connection's own goodbye would end the resource before we ask for it.
    const told = resource ? Promise.race([remove(resource), new Promise((r) => setTimeout(r, patience))]) : Promise.resolve();
    resource = "";
    void told.then(() => pc.close());
  };
  try {
    await within(limits.browser, "browser-stuck", "an offer", pc.setLocalDescription());
    await gathered(pc);
    const answered = await exchange(url, pc.localDescription?.sdp ?? "", fence, signal);
    resource = answered.resource;
    under = answered.fence;
    signal.throwIfAborted();
    await within(limits.browser, "browser-stuck", "the answer", pc.setRemoteDescription({ type: "answer", sdp: mend(answered.sdp) }));
    await fence.holds(under, connected(pc, signal)); // a node that has lost the session need not answer
  } catch (e) {
    close();
    signal.throwIfAborted();
    throw e;
  }
  return { pc, fence: under, lost: Promise.race([lost(pc), closing]), close };
}

/** Posts an offer; returns the answer, its fence and the address that ends it. */
export async function exchange(url: string, offer: string, fence: Fence, signal?: AbortSignal): Promise<{ sdp: string; fence: number; resource: string }> {
  const r = await call(url, { method: "POST", headers: { "Content-Type": "application/sdp" }, body: offer, signal }, fence);
  const location = r.headers.get("Location");
  const sdp = await r.text();
  if (!sdp.startsWith("v=0")) throw new Trouble("unexpected", "the server's answer is no SDP");
  return { sdp, fence: fence.see(r.headers.get("Livedub-Fence")), resource: location ? new URL(location, url).href : "" };
}

function gathered(pc: RTCPeerConnection): Promise<void> {
  if (pc.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, gatherFor);
    pc.addEventListener("icegatheringstatechange", () => {
      if (pc.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}

function connected(pc: RTCPeerConnection, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (e?: unknown) => {
      clearTimeout(timer);
      pc.removeEventListener("connectionstatechange", look);
      signal.removeEventListener("abort", stop);
      if (e === undefined) resolve();
      else reject(e);
    };
    const look = () => {
      if (pc.connectionState === "connected") end();
      if (pc.connectionState === "failed") end(new Trouble("media-blocked"));
    };
    const stop = () => end(signal.reason);
    const timer = setTimeout(() => end(new Trouble("media-blocked")), connectFor);
    pc.addEventListener("connectionstatechange", look);
    signal.addEventListener("abort", stop);
    look();
  });
}

function lost(pc: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    pc.addEventListener("connectionstatechange", () => {
      clearTimeout(timer);
      if (pc.connectionState === "failed" || pc.connectionState === "closed") resolve();
      if (pc.connectionState === "disconnected") timer = setTimeout(resolve, lostFor);
    });
  });
}
