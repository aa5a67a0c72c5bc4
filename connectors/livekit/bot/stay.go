package bot

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"

	"livedub/connectors/livekit/wish"
)

// stay is one stay in the room, from joining to leaving.
type stay struct {
	*Bot
	room *lksdk.Room
	wake chan struct{} // holds one: something has happened
	lost chan error    // holds one: the connection is lost for good

	tracks *latest[map[string]*intake] // what the room sends us, by track
	ended  gate                        // of the goroutines that read from the room
	dubs   map[string]*dubbing         // by identity; of run alone
	people *latest[[]wish.Person]      // as run saw them last

	running sync.WaitGroup // dubbings, those that are ending too

	spokeMu sync.Mutex
	spoke   map[string]time.Time // when each spoke last, or came
	levels  map[string]bool      // whose loudness LiveKit has told: not all publishers tell it

	publishing sync.Mutex         // one track at a time changes what is published
	allowed    string             // who may subscribe to what, as it was told last
	hinted     map[heard]*dubbing // who was told to turn the original down
	shown      string             // the attribute that was set last
	shownAt    time.Time
	pairs      pairs
	pairsAt    time.Time // when livedub was asked for them last
}

// errAnew says that LiveKit took the bot for a new participant.
var errAnew = errors.New("LiveKit has lost the bot and let it in anew")

func newStay(b *Bot) *stay {
	return &stay{
		Bot: b, wake: make(chan struct{}, 1), lost: make(chan error, 1),
		tracks: newLatest(map[string]*intake{}), dubs: map[string]*dubbing{}, people: newLatest[[]wish.Person](nil),
		spoke: map[string]time.Time{}, levels: map[string]bool{}, ended: newGate(),
	}
}

func (s *stay) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// callbacks only say that something has happened: LiveKit's client calls some of them
// while it holds the lock that its methods need.
func (s *stay) callbacks() *lksdk.RoomCallback {
	cb := &lksdk.RoomCallback{
		OnDisconnected: func() {
			select {
			case s.lost <- s.over(s.room.DisconnectReason()):
			default:
			}
		},
		OnParticipantConnected:    func(*lksdk.RemoteParticipant) { s.poke() },
		OnParticipantDisconnected: func(*lksdk.RemoteParticipant) { s.poke() },
		OnReconnected:             s.poke,
	}
	cb.OnAttributesChanged = func(map[string]string, lksdk.Participant) { s.poke() }
	cb.OnMetadataChanged = func(string, lksdk.Participant) { s.poke() }
	cb.OnTrackPublished = func(*lksdk.RemoteTrackPublication, *lksdk.RemoteParticipant) { s.poke() }
	cb.OnTrackUnpublished = func(*lksdk.RemoteTrackPublication, *lksdk.RemoteParticipant) { s.poke() }
	cb.OnTrackMuted = func(lksdk.TrackPublication, lksdk.Participant) { s.poke() }
	cb.OnTrackUnmuted = func(_ lksdk.TrackPublication, p lksdk.Participant) { s.speaks(p.Identity()) }
	cb.OnIsSpeakingChanged = func(p lksdk.Participant) {
		s.loud(p.Identity())
	}
	cb.OnActiveSpeakersChanged = func(all []lksdk.Participant) {
		for _, p := range all {
			s.loud(p.Identity())
		}
	}
	cb.OnLocalTrackPublished = func(*lksdk.LocalTrackPublication, *lksdk.LocalParticipant) { s.poke() }
	cb.OnTrackSubscribed = func(t *webrtc.TrackRemote, pub *lksdk.RemoteTrackPublication, p *lksdk.RemoteParticipant) {
		s.receive(t, pub, p)
	}
	return cb
}

// loud notes that LiveKit tells whether somebody speaks, and that they do, or did until now.
func (s *stay) loud(identity string) {
	s.spokeMu.Lock()
	s.levels[identity] = true
	s.spokeMu.Unlock()
	s.speaks(identity)
}

// speaks notes that somebody speaks now.
func (s *stay) speaks(identity string) {
	s.spokeMu.Lock()
	s.spoke[identity] = time.Now()
	s.spokeMu.Unlock()
	s.poke()
}

// run looks at the room whenever something happens, until ctx ends or the room is lost.
func (s *stay) run(ctx context.Context) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	sid := s.room.LocalParticipant.SID()
	for {
		// LiveKit's client, where it has connected anew by itself, still lists participants who are gone.
		if now := s.room.LocalParticipant.SID(); now != sid {
			return errAnew
		}
		s.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.lost:
			return err
		case <-s.wake:
		case <-tick.C:
		}
	}
}

// leave ends all dubbing, then leaves the room.
func (s *stay) leave() {
	for _, d := range s.dubs {
		d.cancel()
	}
	s.running.Wait()
	s.room.Disconnect()
	s.ended.close()
	s.cfg.Log.Info("left", "room", s.cfg.Room)
}

// look makes what is dubbed what the participants want now.
func (s *stay) look(ctx context.Context) {
	s.askPairs(ctx)
	people := s.see()
	s.people.set(people)
	now := time.Now()
	plan := wish.Plan(people, wish.Rules{
		From: s.cfg.From, To: s.cfg.To, Pairs: s.pairs.has, Speakers: s.cfg.Speakers, Quiet: s.cfg.Quiet, Now: now,
	})
	for id, st := range plan {
		if st.Dub == nil {
			continue
		}
		d := s.dubs[id]
		if d == nil {
			d = s.begin(ctx, id, *st.Dub)
			s.dubs[id] = d
		}
		d.lingers = time.Time{}
		d.want.set(*st.Dub)
		s.subscribe(id, st.Dub)
	}
	for id, d := range s.dubs {
		st, here := plan[id]
		if st.Dub != nil {
			continue
		}
		// Who has left, or says nothing anymore, is dubbed to the end of what they said.
		// Against their will nothing more is heard of it.
		rest := !here || st.Why == wish.NoVoice || st.Why == wish.Silent || st.Why == wish.TooMany
		if rest && d.lingers.IsZero() {
			d.lingers = now.Add(d.rest())
			d.want.change(func(w wish.Dub) wish.Dub { w.Mic, w.Camera = "", ""; return w })
		}
		if !rest || now.After(d.lingers) {
			s.cfg.Log.Info("dubbed no longer", "room", s.cfg.Room, "speaker", id, "why", st.Why)
			d.cancel() // its tracks are taken back at once; the rest may take livedub a while
			delete(s.dubs, id)
		}
	}
	for id, st := range plan {
		if s.dubs[id] == nil {
			// LiveKit tells who speaks of those alone whom the bot is subscribed to.
			s.subscribe(id, &wish.Dub{Mic: st.Listen})
		}
	}
	s.allow(people)
	s.hint(people)
	s.show(plan)
}

// askPairs asks livedub for its languages, once a minute at most.
func (s *stay) askPairs(ctx context.Context) {
	if time.Since(s.pairsAt) < time.Minute {
		return
	}
	s.pairsAt = time.Now()
	p, err := s.cfg.Livedub.Pairs(ctx)
	if err != nil {
		s.cfg.Log.Warn("livedub does not tell its languages", "err", err)
		return
	}
	s.pairs = p
}

// see returns the participants as they are now.
func (s *stay) see() []wish.Person {
	var out []wish.Person
	here := map[string]bool{}
	for _, rp := range s.room.GetRemoteParticipants() {
		p := wish.Person{Identity: rp.Identity(), Wish: wish.Read(rp.Attributes(), rp.Metadata())}
		kind := rp.Kind()
		d := s.dubs[p.Identity]
		p.Dubbed = d != nil && d.lingers.IsZero()
		p.Program = kind == lksdk.ParticipantAgent || kind == lksdk.ParticipantEgress || rp.Attributes()[wish.Bot] == "true"
		pubs := rp.TrackPublications()
		slices.SortFunc(pubs, func(a, b lksdk.TrackPublication) int { return compare(a.SID(), b.SID()) })
		for _, pub := range pubs {
			take(&p, pub)
		}
		s.spokeMu.Lock()
		_, known := s.spoke[p.Identity]
		p.Unheard = !s.levels[p.Identity] && p.Mic != "" && !p.Muted
		if !known || rp.IsSpeaking() || p.Unheard {
			s.spoke[p.Identity] = time.Now()
		}
		p.Spoke = s.spoke[p.Identity]
		s.spokeMu.Unlock()
		here[p.Identity] = true
		out = append(out, p)
	}
	s.spokeMu.Lock()
	maps.DeleteFunc(s.spoke, func(id string, _ time.Time) bool { return !here[id] })
	maps.DeleteFunc(s.levels, func(id string, _ bool) bool { return !here[id] })
	s.spokeMu.Unlock()
	return out
}

const encrypted = "end-to-end encrypted: livedub, which would need the key, gets none"

// take notes one track of a participant: the first microphone and the first camera count.
func take(p *wish.Person, pub lksdk.TrackPublication) {
	info := pub.TrackInfo()
	if info == nil || wish.Marked(pub.Name()) {
		return
	}
	switch source := info.Source; {
	case source == livekit.TrackSource_MICROPHONE || source == livekit.TrackSource_UNKNOWN && pub.Kind() == lksdk.TrackKindAudio:
		if info.Encryption != livekit.Encryption_NONE {
			p.Refused = encrypted
		} else if p.Mic == "" {
			p.Mic, p.Muted = pub.SID(), pub.IsMuted()
		}
	case source == livekit.TrackSource_CAMERA:
		if info.Encryption == livekit.Encryption_NONE && p.Camera == "" {
			p.Camera = pub.SID()
		}
	}
}
