// A viewer: every language of a session at once where they are few, so that
// switching is a matter of which one sounds; they share the session's clock.
// Of more, one at a time is received: each costs the viewer's network a frame.
import { withCaption, withoutDumped, type Row } from "../core/captions";
import { SessionClock } from "../core/clock";
import { Store } from "../core/store";
import * as api from "../net/api";
import { Backoff, sleep } from "../net/backoff";
import { Trouble, asTrouble } from "../net/errors";
import type { Dumped, SessionInfo } from "../net/types";
import { watch } from "../net/whip";
import { ready } from "./cross";
import { Desk } from "./desk";
import { Ears, ended } from "./ears";
import { Keep } from "./keep";
import { Place } from "./place";
import { Pulse, heard } from "./pulse";
import type { Dump } from "./state";

export const atOnce = 5; // a language and the four that the default engines dub English into

export interface ViewerState {
  info: SessionInfo | null;
  langs: string[]; // dubs first, the original last
  lang: string;
  streams: Record<string, MediaStream>;
  coming: Record<string, MediaStream>; // the same from another node, before they take the place of those that are seen
  rows: Row[];
  trouble: Trouble | null;
  retryIn: number;
  dumped: Dump | null; // the last time that something was
  draining: string; // when the server ends the session at the latest, "" while it does not
}

export class Viewer {
  readonly store: Store<ViewerState>;
  readonly clock = new SessionClock();
  readonly pcs: Record<string, RTCPeerConnection> = {};
  private readonly stopping = new AbortController();
  private readonly links = new Map<string, AbortController>();
  private place = new Place(this.stopping.signal, 0);
  private fail: (e: Trouble) => void = () => undefined;

  /** @param id what stands for the session in a link: its name, and the right to watch */
  constructor(private readonly id: string, lang: string) {
    this.store = new Store<ViewerState>({ info: null, langs: [], lang, streams: {}, coming: {}, rows: [], trouble: null, retryIn: 0, dumped: null, draining: "" });
  }

  get fence(): number {
    return this.place.fence.now;
  }

  readonly desk = new Desk(
    () => (this.store.get().info?.control ? { url: api.controlURL(this.store.get().info!), fence: this.place.fence, signal: this.stopping.signal } : null),
    (info) => this.took(info), (d) => this.dumped(d));

  /** Watches until close; a session that does not exist yet is waited for. */
  async run(): Promise<void> {
    const { signal } = this.stopping;
    const backoff = new Backoff(1, 10);
    while (!signal.aborted) {
      const began = performance.now();
      try {
        await this.visit(signal);
      } catch (e) {
        if (signal.aborted) return;
        const trouble = asTrouble(e);
        if (performance.now() - began > 10_000) backoff.reset();
        const retryIn = trouble.kind === "ended" ? 0 : backoff.next(trouble.wait);
        this.store.set({ trouble, retryIn, ...(retryIn === 0 && { streams: {}, coming: {} }) });
        if (retryIn === 0) return;
        await sleep(retryIn, signal).catch(() => undefined);
      }
    }
  }

  /** Makes lang the one that is seen and heard. */
  choose(lang: string): void {
    const { info, langs } = this.store.get();
    if (info && !langs.includes(lang)) return;
    this.store.set({ lang });
    if (info) this.connect();
  }

  close(): void {
    this.stopping.abort(new DOMException("left", "AbortError"));
  }

  private async visit(outer: AbortSignal): Promise<void> {
    const { fence } = this.place;
    const info = await api.get(api.sessionURL(this.id), fence, outer);
    if (!this.same(info)) {
      this.clock.reset();
      this.store.set({ rows: [], streams: {}, coming: {}, dumped: null });
    }
    this.take(info);
    this.store.set({ trouble: null, retryIn: 0 });
    const inner = new AbortController();
    const signal = AbortSignal.any([outer, inner.signal]);
    const over = new Promise<never>((_, reject) => (this.fail = reject));
    over.catch(() => undefined); // the race below may be over before
    signal.addEventListener("abort", () => this.links.forEach((c) => c.abort(signal.reason)));
    const place = (this.place = new Place(signal, info.delay_ms / 1000, fence));
    const ears = new Ears(api.address(info.events), {
      caption: (c) => {
        this.clock.reached(c.end);
        this.store.set({ rows: withCaption(this.store.get().rows, c) });
      },
      ladder: () => undefined,
      dumped: (d) => this.dumped(d),
      drain: (draining) => this.store.set({ draining }),
      moved: (to) => {
        this.store.set({ draining: "" });
        place.moved(to);
      },
      end: async (reason) => {
        const why = await ended(reason, api.sessionURL(this.id), fence, signal);
        if (why) this.fail(why.kind === "ended" ? why : new Trouble("server-gone", reason, 1));
      },
    }, fence, signal);
    place.first.add(ears);
    try {
      this.connect();
      await Promise.race([over, this.poll(signal)]);
    } finally {
      inner.abort(new DOMException("over", "AbortError"));
      this.links.clear();
    }
  }

  /** Takes how the session stands, and which languages it has now. */
  private take(info: SessionInfo): void {
    const langs = [...info.to, info.from].filter((l) => l in info.whep);
    const { lang } = this.store.get();
    this.store.set({ info, langs, lang: langs.includes(lang) ? lang : langs[0]!, draining: info.draining_until ?? "" });
  }

  /** Takes how a session stands that is being watched; its languages may be others now. */
  private took(info: SessionInfo): void {
    const before = this.store.get().langs.join();
    this.take(info);
    if (this.store.get().langs.join() !== before) this.connect();
  }

  /** Takes away what nobody is to read. */
  private dumped(d: Dumped): void {
    const { rows, dumped } = this.store.get();
    this.store.set({ rows: withoutDumped(rows, d), dumped: dumped?.from === d.from ? dumped : { ...d, at: Date.now() } });
  }

  /** Whether a language that cannot be watched anymore has left a session that goes on. */
  private async left(lang: string, signal: AbortSignal): Promise<boolean> {
    try {
      this.took(await api.get(api.sessionURL(this.id), this.place.fence, signal));
    } catch {
      return false; // what was found out about the language tells
    }
    return !this.store.get().langs.includes(lang);
  }

  /** Connects what should be connected and nothing else. */
  private connect(): void {
    const { langs, lang, info } = this.store.get();
    const wanted = langs.length <= atOnce ? langs : [lang];
    for (const [l, c] of this.links) {
      if (wanted.includes(l)) continue;
      this.links.delete(l);
      c.abort(new DOMException("not wanted", "AbortError"));
    }
    for (const l of wanted) {
      if (this.links.has(l) || !info) continue;
      const c = new AbortController();
      this.links.set(l, c);
      this.hold(l, info, c.signal).catch(async (e) => {
        const why = asTrouble(e);
        if (c.signal.aborted || (why.kind === "session-gone" && (await this.left(l, c.signal)))) return;
        if (!c.signal.aborted) this.fail(why);
      });
    }
  }

  private hold(lang: string, info: SessionInfo, signal: AbortSignal): Promise<void> {
    const url = api.address(info.whep[lang]!);
    const { place } = this;
    const chosen = () => lang === this.store.get().lang;
    const put = (key: "streams" | "coming", stream?: MediaStream) => {
      const { [lang]: _, ...others } = this.store.get()[key];
      this.store.set({ [key]: stream ? { ...others, [lang]: stream } : others });
    };
    const link = new Keep({
      connect: (s) => watch(url, place.fence, s, info.ice_servers),
      up: async (link, before, gone) => {
        if (before && chosen()) {
          put("coming", link.stream);
          await place.fence.holds(link.fence, Promise.race([ready(before, link, signal), gone])).catch((e) => {
            put("coming");
            throw e;
          });
        }
        put("streams", link.stream);
        put("coming");
        this.pcs[lang] = link.pc;
        if (!chosen()) return;
        this.store.set({ trouble: null, retryIn: 0 });
        place.arrived(link.fence);
      },
      down: (trouble, retryIn) => {
        if (chosen()) this.store.set({ trouble, retryIn });
      },
      pulse: (link, s) => new Pulse(heard(link.pc, chosen), s),
    });
    place.first.add(link);
    return link.run(signal).finally(() => place.first.delete(link));
  }

  /** Whether this is the session that was there before; it may have moved to another node. */
  private same(info: SessionInfo): boolean {
    const before = this.store.get().info;
    return before !== null && (info.epoch ?? info.created) === (before.epoch ?? before.created);
  }

  private async poll(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(3, signal);
      try {
        const { turn } = this.desk;
        const info = await api.get(api.sessionURL(this.id), this.place.fence, signal);
        if (!this.same(info)) throw new Trouble("session-gone"); // another bears its name
        if (info.fence !== this.store.get().info?.fence) this.clock.reset(); // another node's may be some ms off
        if (info.now !== undefined) this.clock.reached(info.now);
        if (turn === this.desk.turn) this.took(info);
      } catch (e) {
        if (signal.aborted || asTrouble(e).kind === "session-gone") throw e;
      }
    }
  }
}
