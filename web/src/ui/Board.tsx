import { useEffect, useRef, useState } from "preact/hooks";
import { languageName, locale, t } from "../i18n";
import type { Acts } from "../live/desk";
import type { Dump } from "../live/state";
import { asTrouble, type Trouble } from "../net/errors";
import type { Background, Change, Dub, DubChange, Pair, SessionInfo, Voice } from "../net/types";

interface Props {
  session: SessionInfo;
  pairs: Pair[];
  dumped: Dump | null;
  acts: Acts;
}

const most = 24; // dB, either way
const voices: readonly Voice[] = ["auto", "female", "male"];
const backgrounds: readonly Background[] = ["duck", "replace", "bed"];

/** The controls of a session that runs, for who may change it. What they show is the server's word. */
export function Board({ session, pairs, dumped, acts }: Props) {
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [busy, setBusy] = useState(0); // what the server has not answered yet
  const act = async (does: Promise<void>) => {
    setTrouble(null);
    setBusy((n) => n + 1);
    try {
      await does;
    } catch (e) {
      setTrouble(asTrouble(e));
    }
    setBusy((n) => n - 1);
  };
  const change = (to: Change) => act(acts.change(to));
  const { from, to } = session;
  const d = (session.delay_ms / 1000).toLocaleString(locale);
  return (
    <section class="card board" aria-labelledby="board" aria-busy={busy > 0} data-testid="board">
      <div class="head">
        <h2 id="board">{t("controls")}</h2>
        <p class="hint">{t("delayFixed", { s: d })}</p>
      </div>
      <div class="dump">
        <button type="button" class="primary alarm" aria-describedby="dump-hint" data-testid="dump" onClick={() => void act(acts.dump())}>{t("dump")}</button>
        <p class="hint" id="dump-hint">{t("dumpHint", { s: d })}</p>
        <p class="said" role="status" data-testid="dumped" data-from={dumped?.from} data-phrases={dumped?.phrases.length}>{dumped && toldOf(dumped)}</p>
      </div>
      {trouble && <p class="wrong" role="alert" data-testid="board-error" data-kind={trouble.kind}>{t(`e.${trouble.kind}`)} {trouble.detail && <small>{trouble.detail}</small>}</p>}
      {to.map((lang) => (
        <Strip key={lang} lang={lang} dub={session.dubs?.[lang]} set={(c) => change({ dubs: { [lang]: c } })}
          remove={to.length > 1 ? () => change({ to: to.filter((l) => l !== lang) }) : undefined} />
      ))}
      <Add langs={pairs.filter((p) => p.from === from && !to.includes(p.to)).map((p) => p.to)} add={(lang) => change({ to: [...to, lang] })} />
    </section>
  );
}

function toldOf(d: Dump): string {
  const at = new Date(d.at).toLocaleTimeString(locale);
  return t(d.phrases.length === 1 ? "dumpedOne" : "dumpedMany", { at, s: (d.to - d.from).toLocaleString(locale, { maximumFractionDigits: 1 }), n: d.phrases.length });
}

interface StripProps {
  lang: string;
  dub?: Dub; // none is told of yet, of one that was just added
  set(c: DubChange): Promise<void>;
  remove?: () => void; // none for the last one
}

/** How one dub is heard. */
function Strip({ lang, dub, set, remove }: StripProps) {
  const name = languageName(lang);
  const of = (label: string) => `${label} · ${name}`;
  const muted = dub?.muted ?? false;
  const paused = dub?.paused ?? false;
  return (
    <fieldset class="strip" data-testid={`strip-${lang}`} data-muted={muted} data-paused={paused}>
      <legend>{name}</legend>
      <div class="keys">
        <Key on={muted} label={of(t("muteDub"))} hint={t("muteDubHint")} testid={`mute-${lang}`} press={() => void set({ muted: !muted })}>{t("muteDub")}</Key>
        <Key on={paused} label={of(t("pauseDub"))} hint={t("pauseDubHint")} testid={`pause-${lang}`} press={() => void set({ paused: !paused })}>{t("pauseDub")}</Key>
      </div>
      <Pick label={t("voiceOf")} aria={of(t("voiceOf"))} testid={`voice-${lang}`} value={dub?.voice ?? "auto"} all={voices} word={(v) => t(`voice.${v}`)} set={(voice) => set({ voice })} />
      <Pick label={t("under")} aria={of(t("under"))} testid={`original-${lang}`} value={dub?.original ?? "duck"} all={backgrounds} word={(v) => t(`under.${v}`)} set={(original) => set({ original })} />
      <Gain aria={of(t("gain"))} testid={`gain-${lang}`} value={dub?.gain_db ?? 0} set={(gain_db) => set({ gain_db })} />
      <Remove name={name} lang={lang} remove={remove} />
      {(muted || paused) && <p class="hint told" data-testid={`state-${lang}`}>{t(paused ? "pausedNow" : "mutedNow")}</p>}
    </fieldset>
  );
}

function Key({ on, label, hint, testid, press, children }: { on: boolean; label: string; hint: string; testid: string; press(): void; children: string }) {
  return <button type="button" class={on ? "toggle on" : "toggle"} aria-pressed={on} aria-label={label} title={hint} data-testid={testid} onClick={press}>{children}</button>;
}

/**
 * What is shown of a value, and a way to ask for another: what was asked for is shown
 * until the server has answered, then its word.
 */
function useAsked<T>(value: T, set: (v: T) => Promise<void>): [T, (v: T) => void] {
  const [asked, ask] = useState<{ v: T } | null>(null);
  const last = useRef(0);
  const put = (v: T) => {
    const mine = ++last.current;
    ask({ v });
    void set(v).then(() => {
      if (mine === last.current) ask(null);
    });
  };
  return [asked ? asked.v : value, put];
}

interface PickProps<T extends string> {
  label: string;
  aria: string;
  testid: string;
  value: T;
  all: readonly T[];
  word(v: T): string;
  set(v: T): Promise<void>;
}

function Pick<T extends string>({ label, aria, testid, value, all, word, set }: PickProps<T>) {
  const [shown, ask] = useAsked(value, set);
  const box = useRef<HTMLSelectElement>(null);
  useEffect(() => {
    box.current!.value = shown; // where the server refuses, nothing that is rendered has changed
  });
  return (
    <label class="field">
      <span>{label}</span>
      <select ref={box} aria-label={aria} data-testid={testid} value={shown} onChange={(e) => ask(e.currentTarget.value as T)}>
        {all.map((v) => <option key={v} value={v}>{word(v)}</option>)}
      </select>
    </label>
  );
}

const rest = 250; // ms without a move, after which a level counts

function Gain({ aria, testid, value, set }: { aria: string; testid: string; value: number; set(v: number): Promise<void> }) {
  const [asked, ask] = useAsked(value, set);
  const [draft, setDraft] = useState<number | null>(null); // while it is moved
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const move = (v: number) => {
    setDraft(v);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      ask(v);
      setDraft(null);
    }, rest);
  };
  const shown = draft ?? asked;
  const text = `${shown > 0 ? "+" : shown < 0 ? "−" : ""}${Math.abs(shown).toLocaleString(locale)} dB`;
  return (
    <label class="field gain">
      <span>{t("gain")} <output data-testid={`${testid}-db`}>{text}</output></span>
      <input type="range" min={-most} max={most} step={1} aria-label={aria} aria-valuetext={text} data-testid={testid} value={shown} onInput={(e) => move(Number(e.currentTarget.value))} />
    </label>
  );
}

/** Ends a dub, after a question: its viewers lose it. */
function Remove({ name, lang, remove }: { name: string; lang: string; remove?: () => void }) {
  const [asks, ask] = useState(false);
  if (!asks || !remove) return <button type="button" class="quiet remove" aria-label={`${t("removeDub")} · ${name}`} title={remove ? undefined : t("removeLast")} disabled={!remove} data-testid={`remove-${lang}`} onClick={() => ask(true)}>{t("removeDub")}</button>;
  return (
    <p class="sure">
      <span>{t("removeSure")}</span>
      <button type="button" class="danger quiet" autoFocus data-testid={`remove-sure-${lang}`} onClick={() => (ask(false), remove())}>{t("removeYes")}</button>
      <button type="button" class="quiet" onClick={() => ask(false)}>{t("deleteNo")}</button>
    </p>
  );
}

function Add({ langs, add }: { langs: string[]; add(lang: string): void }) {
  const [chosen, choose] = useState("");
  if (langs.length === 0) return null;
  const lang = langs.includes(chosen) ? chosen : langs[0]!;
  return (
    <div class="add">
      <label class="field">
        <span>{t("addDub")}</span>
        <select data-testid="add-lang" value={lang} onChange={(e) => choose(e.currentTarget.value)}>
          {langs.map((l) => <option key={l} value={l}>{languageName(l)}</option>)}
        </select>
      </label>
      <button type="button" data-testid="add" onClick={() => add(lang)}>{t("add")}</button>
    </div>
  );
}
