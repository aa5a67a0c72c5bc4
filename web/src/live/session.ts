// One run of the studio: an input goes out by WHIP, the dub comes in by WHEP,
// events and figures beside it. It mends itself until it is stopped.
import { withCaption, withoutDumped } from "../core/captions";
import { Store } from "../core/store";
import { lacking, type End, type Input } from "../media/input";
import * as api from "../net/api";
import { Backoff, sleep } from "../net/backoff";
import { Trouble, asTrouble } from "../net/errors";
import { Fence } from "../net/fence";
import { keptKey, rememberKey } from "../net/mouths";
import type { Change, Dumped, SessionInfo } from "../net/types";
import { publish, watch, type Link } from "../net/whip";
import { ready } from "./cross";
import { Desk } from "./desk";
import { Ears, ended, meant } from "./ears";
import { Figures } from "./figures";
import { Keep } from "./keep";
import { Place } from "./place";
import { Pulse, confirmed, heard } from "./pulse";
import { nothing, type Choice, type LiveState } from "./state";

const tail = 2.5; // s after the last delayed sound of a file

export class Live {
  readonly store = new Store<LiveState>(nothing);
  pcs: { publish?: RTCPeerConnection; watch?: RTCPeerConnection } = {};
  private stopping: AbortController | null = null;
  fence = new Fence();
  private session: SessionInfo | null = null; // as it was told last: the rights in its addresses are renewed

  readonly desk = new Desk(
    () => this.session && this.stopping && { url: api.controlURL(this.session), fence: this.fence, signal: this.stopping.signal },
    (info) => this.took(info), (d) => this.dumped(d));

  /** Runs until the input ends, stop is called, or something cannot be mended. */
  async start(choice: Choice, open: () => Promise<Input>): Promise<void> {
    this.stop();
    const stopping = new AbortController();
    const { signal } = stopping;
    this.stopping = stopping;
    this.store.set({ ...nothing, phase: "starting", choice });
    let input: Input | undefined;
    let trouble: Trouble | null = null;
    try {
      input = await open();
      if (signal.aborted) return;
      this.store.set({ preview: input.stream });
      input.onReturn = (t) => {
        this.send(t);
        this.look();
      };
      const ended = input.ended.then((how) => this.finish(how, signal));
      await Promise.race([ended, this.run(choice, input, signal)]);
    } catch (e) {
      if (!signal.aborted) trouble = asTrouble(e);
    } finally {
      input?.close();
      // A newer start may own the state by now.
      if (this.stopping === stopping) {
        this.end();
        this.store.set({ phase: trouble ? "ended" : "idle", trouble, retryIn: 0, preview: null, dubbed: null, coming: null });
      }
    }
  }

  /** Ends the run; the server forgets the session. `leaving`: there is no time for anything after this call. */
  stop(leaving = false): void {
    if (!this.stopping) return;
    this.end(leaving);
    this.store.set({ phase: "idle", retryIn: 0, preview: null, dubbed: null, coming: null, trouble: null });
  }

  /** Lets the camera's frame go out or not; the sound goes on. */
  showCamera(on: boolean): void {
    for (const t of this.store.get().preview?.getVideoTracks() ?? []) t.enabled = on;
    this.look();
  }

  /** Notes what the camera and the microphone lack. */
  private look(): void {
    const { preview, choice } = this.store.get();
    if (preview && choice?.kind === "camera") this.store.set({ lacks: lacking(preview, this.pcs.publish) });
  }

  /** Sends a track in place of the one of its kind that went out before. */
  private send(track: MediaStreamTrack): void {
    const sender = this.pcs.publish?.getTransceivers().find((x) => x.receiver.track.kind === track.kind)?.sender;
    // A connection that closes meanwhile refuses: the next one begins with this track.
    if (sender && sender.track !== track) sender.replaceTrack(track).catch(() => undefined);
  }

  /** Switches the re-rendering of the mouth in one dub. */
  setLips(lang: string, on: boolean): Promise<void> {
    return this.change({ dubs: { [lang]: { lips: on } } });
  }

  /** Names other words to keep, from the next phrase on; a session that is made anew keeps them too. */
  setKeep(keep: string[]): Promise<void> {
    const { choice } = this.store.get();
    if (choice) this.store.set({ choice: { ...choice, keep } });
    return this.change({ keep });
  }

  /** Changes the session; the server's answer shows how it stands. */
  private async change(to: Change): Promise<void> {
    const signal = this.stopping?.signal;
    try {
      await this.desk.change(to);
    } catch (e) {
      if (signal && !signal.aborted) this.store.set({ trouble: asTrouble(e) });
    }
  }

  /** Takes how the session stands. The language that is shown stays the first, as long as it is dubbed. */
  private took(info: SessionInfo): void {
    this.session = info;
    const { session, choice } = this.store.get();
    const lang = choice?.to[0];
    const to = lang && info.to.includes(lang) ? [lang, ...info.to.filter((l) => l !== lang)] : info.to;
    const changed = choice && to.length > 0 && to.join() !== choice.to.join();
    this.store.set({ session: { ...session, ...info }, ...(changed && { choice: { ...choice, to } }) });
  }

  /** Takes away what nobody is to read. The server tells it to who dumped, and to all. */
  private dumped(d: Dumped): void {
    const { rows, falls, dumped } = this.store.get();
    const known = dumped?.from === d.from;
    this.store.set({ rows: withoutDumped(rows, d), falls: falls.filter((f) => !d.phrases.includes(f.id)), dumped: known ? dumped : { ...d, at: Date.now() } });
  }

  private end(leaving = false): void {
    this.stopping?.abort(new DOMException("stopped", "AbortError"));
    this.stopping = null;
    this.pcs = {};
    const remove = leaving ? api.remove : api.removeLast;
    if (this.session) void remove(api.controlURL(this.session));
    this.session = null;
  }

  /** A file has played: its dub is D behind. */
  private async finish(how: End, signal: AbortSignal): Promise<void> {
    if (how !== "finished") throw new Trouble(how === "lost" ? "file-unreadable" : "video-stuck");
    this.store.set({ phase: "finishing" });
    await sleep((this.session?.delay_ms ?? 0) / 1000 + tail, signal);
  }

  /** One server session after another, where the server forgets them. */
  private async run(choice: Choice, input: Input, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(1, 15);
    for (;;) {
      const began = performance.now();
      let why: Trouble;
      try {
        const { from, to, profile, badge, keep } = this.store.get().choice ?? choice; // it may have been changed meanwhile
        const mouths = choice.keepMouths ? { keep_mouths: true, mouths_key: keptKey() || undefined } : {};
        const { mouths_key: key, ...info } = await api.create({ from, to, profile, consent: true, badge, keep, ...mouths }, signal);
        if (key) rememberKey(key);
        this.session = info;
        this.store.set({ session: info, rows: [], falls: [], dumped: null });
        await this.serve(info, input, signal);
        return;
      } catch (e) {
        why = asTrouble(e);
      }
      signal.throwIfAborted();
      if (!why.passes) throw why;
      this.session = null;
      input.pause();
      if (performance.now() - began > 30_000) backoff.reset();
      const wait = backoff.next(why.wait);
      this.lost(why, wait);
      await sleep(wait, signal);
    }
  }

  /** Serves one session until it is gone; throws why. */
  private async serve(info: SessionInfo, input: Input, outer: AbortSignal): Promise<void> {
    const inner = new AbortController();
    const signal = AbortSignal.any([outer, inner.signal]);
    const lang = () => this.store.get().choice!.to[0]!;
    const now = () => this.session ?? info;
    const place = new Place(signal, info.delay_ms / 1000);
    const { fence } = place;
    this.fence = fence;
    fence.see(info.fence);
    let fail: (e: Trouble) => void = () => undefined;
    const over = new Promise<never>((_, reject) => (fail = reject));
    let told = ""; // why the session has ended, as it says
    const up = { publish: false, watch: false };
    const state = (part: "publish" | "watch", link: Link | null) => {
      this.pcs[part] = link?.pc;
      up[part] = link !== null;
      if (link) place.arrived(link.fence);
      if (link && up.publish && up.watch) {
        const finishing = this.store.get().phase === "finishing";
        this.store.set({ phase: finishing ? "finishing" : "live", trouble: null, retryIn: 0 });
      }
    };
    const publishing = new Keep({
      connect: (s) => publish(api.address(now().whip ?? `whip/${info.id}`), input.stream, fence, s, info.ice_servers),
      up: (link) => {
        state("publish", link);
        input.stream.getTracks().forEach((t) => this.send(t)); // one may have come back meanwhile
        input.begin().catch((e) => fail(e instanceof Trouble ? e : new Trouble("file-unreadable", String(e))));
      },
      down: (why, wait) => (input.pause(), state("publish", null), this.lost(why, wait)),
      pulse: (link, s) => new Pulse(confirmed(link.pc), s),
      alone: true,
    });
    const watching = new Keep({
      connect: async (s) => {
        const l = lang();
        try {
          return await watch(api.address(now().whep[l] ?? `whep/${info.id}/${l}`), fence, s, info.ice_servers);
        } catch (e) {
          if (asTrouble(e).kind !== "session-gone") throw e;
          this.took(await api.get(api.controlURL(now()), fence, s)); // which fails where it is not the language alone
          throw lang() === l ? e : new Trouble("interrupted");
        }
      },
      up: async (link, before, gone) => {
        if (before) {
          this.store.set({ coming: link.stream });
          await fence.holds(link.fence, Promise.race([ready(before, link, signal), gone])).catch((e) => {
            this.store.set({ coming: null });
            throw e;
          });
        }
        this.store.set({ dubbed: link.stream, coming: null });
        state("watch", link);
      },
      down: (why, wait) => (state("watch", null), this.lost(why, wait)),
      pulse: (link, s) => new Pulse(heard(link.pc), s),
    });
    const listening = new Ears(api.address(info.events), {
      caption: (c) => this.store.set({ rows: withCaption(this.store.get().rows, c) }),
      ladder: (l) => {
        if (l.lang === lang()) this.store.set({ level: l.level, why: l.why ?? "" });
      },
      dumped: (d) => this.dumped(d),
      drain: (draining) => this.store.set({ draining }),
      moved: (to) => {
        this.store.set({ draining: "" });
        place.moved(to);
      },
      end: async (reason) => {
        told = reason;
        const why = await ended(reason, api.controlURL(now()), fence, signal);
        if (why) fail(why);
        else told = "";
      },
    }, fence, signal);
    place.first.add(watching).add(listening);
    place.then.add(publishing);
    const running = [publishing.run(signal), watching.run(signal)];
    try {
      await Promise.race([over, Promise.all(running), this.poll(info, lang, signal)]);
    } catch (e) {
      throw told && asTrouble(e).kind === "session-gone" ? meant(told) : e;
    } finally {
      inner.abort(new DOMException("over", "AbortError"));
      this.pcs = {};
      // What the race left behind ends by the abort; it has nothing more to say.
      await Promise.allSettled(running);
    }
  }

  private async poll(made: SessionInfo, lang: () => string, signal: AbortSignal): Promise<void> {
    const figures = new Figures();
    while (!signal.aborted) {
      this.look();
      try {
        const { turn } = this.desk;
        const info = await api.get(api.controlURL(this.session ?? made), this.fence, signal);
        if (!signal.aborted && turn === this.desk.turn) this.took(info);
        const { session: _, ...change } = await figures.next(this.store.get(), info, lang(), this.pcs.publish, this.pcs.watch);
        if (!signal.aborted) this.store.set({ ...change, draining: info.draining_until ?? "" });
      } catch (e) {
        // Whether the server is gone the connections tell; whether it forgot us, it says.
        if (signal.aborted || asTrouble(e).kind === "session-gone") throw e;
      }
      await sleep(1, signal);
    }
  }

  private lost(trouble: Trouble, retryIn: number): void {
    if (this.store.get().phase === "finishing") return;
    const starting = this.store.get().phase === "starting" && trouble.kind !== "full";
    this.store.set({ phase: starting ? "starting" : "reconnecting", trouble, retryIn });
  }
}
