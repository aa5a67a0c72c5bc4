// A listener of a LiveKit room who hears the others in another language: the worked
// example for integrators. The address is PAGE#url=wss://...&token=...
import { RemoteParticipant, type RemoteTrack, type RemoteTrackPublication, Room, RoomEvent, Track, type TranscriptionSegment } from "livekit-client";
import { attribute, dubOf, hintOf, hintTopic, isBot, stateOf } from "./dubs";

const $ = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const lang = $<HTMLSelectElement>("lang");
const video = $<HTMLInputElement>("video");
const languages = ["", "ca", "de", "en", "eo", "es", "fr", "gl", "it", "ja", "ko", "pt"];
const names = new Intl.DisplayNames(["en"], { type: "language" });
const name = (l: string): string => (/^[a-z]{2,3}(-[A-Za-z]+)*$/.test(l) && names.of(l)) || l;
for (const l of languages) lang.append(new Option(l ? name(l) : "their own language", l));

const room = new Room({ adaptiveStream: false });
const gains = new Map<string, number>(); // of each speaker's original
const cards = new Map<string, Card>();

/** One speaker on the page. */
class Card {
  readonly el = document.createElement("article");
  readonly frame = add(this.el, "div", "frame");
  readonly picture = add(this.frame, "video", "");
  readonly made = add(this.frame, "p", "made"); // by a machine
  private readonly who = add(this.el, "div", "who");
  readonly name = add(this.who, "h2", "");
  readonly heard = add(this.who, "p", "heard"); // in which language, or why in their own
  readonly caption = add(this.el, "p", "caption");

  constructor(id: string) {
    this.picture.autoplay = this.picture.playsInline = this.picture.muted = true;
    this.name.textContent = id;
    this.frame.dataset.initial = [...id][0]?.toUpperCase();
    this.el.dataset.testid = `person-${id}`;
    this.caption.dataset.testid = `caption-${id}`;
    $("people").append(this.el);
  }
}

function add<K extends keyof HTMLElementTagNameMap>(to: HTMLElement, tag: K, name: string): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  el.className = name;
  to.append(el);
  return el;
}

function card(id: string): Card {
  let c = cards.get(id);
  if (!c) cards.set(id, (c = new Card(id)));
  return c;
}

const say = (text: string): void => void ($("status").textContent = text);

/** Subscribes to what is to be heard and seen now, and to nothing else. */
function choose(): void {
  for (const p of room.remoteParticipants.values()) {
    for (const pub of p.trackPublications.values()) {
      const dub = dubOf(pub, p);
      pub.setSubscribed(dub ? dub.lang === lang.value && (pub.kind === Track.Kind.Audio || video.checked) : !isBot(p));
    }
    if (!isBot(p)) card(p.identity);
  }
  for (const [id, c] of cards) {
    if (room.remoteParticipants.has(id)) continue;
    c.el.remove();
    cards.delete(id);
  }
  play();
}

/** Plays each speaker's dub where there is one, and the original as loud as it is to be. */
function play(): void {
  const state = stateOf(room);
  for (const p of room.remoteParticipants.values()) {
    if (isBot(p)) continue;
    const c = card(p.identity);
    p.setVolume(lang.value ? (gains.get(p.identity) ?? 1) : 1);
    const dubbed = find(p.identity, Track.Kind.Video);
    const own = p.getTrackPublication(Track.Source.Camera)?.videoTrack;
    const shown = dubbed ?? own;
    if (shown && !shown.attachedElements.includes(c.picture)) {
      (shown === dubbed ? own : dubbed)?.detach(c.picture);
      shown.attach(c.picture);
    }
    c.frame.classList.toggle("blank", !shown);
    const done = state?.speakers[p.identity];
    const heard = find(p.identity, Track.Kind.Audio);
    c.made.textContent = dubbed ? "AI dubbed" : heard ? "AI dubbed voice" : "";
    const why = done && done.state !== "dubbed" ? `: ${done.state}` : "";
    c.heard.textContent = heard ? `${done?.from ? `${name(done.from)} → ` : "in "}${name(lang.value)}` : lang.value ? `in their own voice${why}` : "";
  }
  const me = state?.speakers[room.localParticipant.identity];
  const into = Object.keys(me?.dubs ?? {});
  $("me").textContent = into.length ? `You are dubbed into ${into.map(name).join(", ")}.` : me && $<HTMLInputElement>("speak").checked ? `You are heard in your own voice: ${me.state}.` : "";
}

/** The dub of a speaker that is subscribed to. */
function find(speaker: string, kind: Track.Kind): RemoteTrack | undefined {
  for (const p of room.remoteParticipants.values()) {
    for (const pub of p.trackPublications.values()) {
      const dub = dubOf(pub, p);
      if (dub?.speaker === speaker && dub.lang === lang.value && pub.kind === kind && pub.track) return pub.track;
    }
  }
  return undefined;
}

/** Tells the connector, and through it all, what is wanted. */
async function want(): Promise<void> {
  gains.clear();
  for (const c of cards.values()) c.caption.textContent = "";
  choose();
  await room.localParticipant.setAttributes({
    [attribute.lang]: lang.value,
    [attribute.video]: String(video.checked),
    [attribute.consent]: String($<HTMLInputElement>("consent").checked),
  });
}

function captioned(segments: TranscriptionSegment[], speaker?: { identity: string }): void {
  for (const s of segments) {
    if (!speaker || s.language !== lang.value) continue;
    const { caption } = card(speaker.identity);
    [caption.lang, caption.textContent] = [s.language, s.text];
  }
}

function subscribed(track: RemoteTrack, _: RemoteTrackPublication, p: RemoteParticipant): void {
  // Sound plays by an element of its own; livekit-client keeps it with the track.
  if (track.kind === Track.Kind.Audio) document.body.append(track.attach());
  if (isBot(p) || track.kind === Track.Kind.Video) play();
}

room
  .on(RoomEvent.TrackPublished, choose)
  .on(RoomEvent.TrackUnpublished, choose)
  .on(RoomEvent.TrackSubscribed, subscribed)
  .on(RoomEvent.TrackUnsubscribed, (track) => {
    for (const el of track.detach()) if (track.kind === Track.Kind.Audio) el.remove();
    play();
  })
  .on(RoomEvent.ParticipantConnected, choose)
  .on(RoomEvent.ParticipantDisconnected, choose)
  .on(RoomEvent.ParticipantAttributesChanged, play)
  .on(RoomEvent.TrackSubscriptionPermissionChanged, choose)
  .on(RoomEvent.TranscriptionReceived, captioned)
  .on(RoomEvent.DataReceived, (payload, _p, _k, topic) => {
    const hint = topic === hintTopic ? hintOf(payload) : null;
    if (!hint || hint.lang !== lang.value) return;
    gains.set(hint.speaker, hint.gain);
    play();
  })
  .on(RoomEvent.AudioPlaybackStatusChanged, () => void ($("sound").hidden = room.canPlaybackAudio))
  .on(RoomEvent.Reconnecting, () => say("The connection was lost: connecting again."))
  .on(RoomEvent.Reconnected, () => say(""))
  .on(RoomEvent.Disconnected, () => say("You have left the room."));

// One wish after another: the room confirms a wish by showing it, which it does not once the next has taken its place.
let wishes = Promise.resolve();
const wanted = (): void => {
  wishes = wishes.then(want).then(
    () => say(""),
    (err: unknown) => say(`The room does not take your wish: ${String(err)}. Does your token allow canUpdateOwnMetadata?`),
  );
};
lang.onchange = video.onchange = $("consent").onchange = wanted;
$("sound").onclick = () => void room.startAudio();
$("speak").onchange = () => {
  const on = $<HTMLInputElement>("speak").checked;
  void room.localParticipant
    .setMicrophoneEnabled(on)
    .then(() => room.localParticipant.setCameraEnabled(on))
    .catch((err: unknown) => say(`No microphone or camera: ${String(err)}`));
};

const asked = new URLSearchParams(location.hash.slice(1));
const [url, token] = [asked.get("url"), asked.get("token")];
if (url && token) {
  lang.value = asked.get("lang") ?? "";
  video.checked = asked.get("video") === "true";
  room.connect(url, token, { autoSubscribe: false }).then(wanted, (err: unknown) => say(`The room does not let you in: ${String(err)}`));
} else {
  say("This page needs #url=wss://YOUR-LIVEKIT&token=TOKEN in its address: bin/livedub-livekit token prints one.");
}
Object.assign(window, { __livedub: { room, gains } });
