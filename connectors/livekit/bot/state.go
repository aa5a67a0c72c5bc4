package bot

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"

	"livedub/connectors/livekit/wish"
)

// StateAttribute is the bot's attribute that shows everybody in the room what is done
// with whom: a State as JSON.
const StateAttribute = "livedub.state"

// State tells what a bot does in its room.
type State struct {
	Room     string             `json:"room"`
	Joined   bool               `json:"joined"`
	Speakers map[string]Speaker `json:"speakers"` // by identity
}

// Speaker tells what is done with one participant.
type Speaker struct {
	State   string         `json:"state"` // "dubbed", or why not
	From    string         `json:"from,omitempty"`
	Session string         `json:"session,omitempty"` // livedub's
	Dubs    map[string]Dub `json:"dubs,omitempty"`    // by language
}

// Dub names the tracks of one dub in the room.
type Dub struct {
	Audio string `json:"audio"`
	Video string `json:"video,omitempty"`
}

// State returns what the bot does now.
func (b *Bot) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.state
	out.Speakers = maps.Clone(out.Speakers)
	return out
}

func (b *Bot) set(change func(*State)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.state)
}

// speaker returns what is to be shown of one participant.
func (s *stay) speaker(id string, st wish.State) Speaker {
	out := Speaker{State: string(st.Why)}
	d := s.dubs[id]
	if d == nil {
		return out
	}
	session, _ := d.session.get()
	out.From, out.Session, out.Dubs = session.From, session.ID, map[string]Dub{}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.problem != "" {
		out.State = "not dubbed now: " + d.problem
	}
	for lang, o := range d.outlets {
		if sound, sight := o.sids(); sound != "" {
			out.Dubs[lang] = Dub{sound, sight}
		}
	}
	return out
}

// show tells everybody in the room what is done with whom.
func (s *stay) show(plan map[string]wish.State) {
	speakers := map[string]Speaker{}
	for id, st := range plan {
		speakers[id] = s.speaker(id, st)
	}
	for id := range s.dubs {
		if _, here := plan[id]; !here {
			speakers[id] = s.speaker(id, wish.State{Why: "has left: dubbed to the end of what they said"})
		}
	}
	s.set(func(st *State) { st.Speakers = speakers })
	text, err := json.Marshal(s.State())
	if err != nil || string(text) == s.shown || time.Since(s.shownAt) < beat/2 {
		return // what is not told now is told at the next beat
	}
	s.shown, s.shownAt = string(text), time.Now()
	s.room.LocalParticipant.SetAttributes(map[string]string{StateAttribute: s.shown})
}

// allow lets each participant subscribe to the dubs that they asked for, and to no
// others: most clients subscribe to all they may, and would play all at once.
func (s *stay) allow(people []wish.Person) {
	rights := &livekit.SubscriptionPermission{}
	for _, p := range people {
		right := &livekit.TrackPermission{ParticipantIdentity: p.Identity}
		for id, d := range s.dubs {
			d.mu.Lock()
			for lang, o := range d.outlets {
				if !p.Hears(id, lang) {
					continue
				}
				sound, sight := o.sids()
				if sound != "" {
					right.TrackSids = append(right.TrackSids, sound)
				}
				if sight != "" && p.Wish.Video {
					right.TrackSids = append(right.TrackSids, sight)
				}
			}
			d.mu.Unlock()
		}
		if p.Program { // recorders and other agents may have all
			right.AllTracks = true
		}
		if right.AllTracks || len(right.TrackSids) > 0 {
			slices.Sort(right.TrackSids)
			rights.TrackPermissions = append(rights.TrackPermissions, right)
		}
	}
	slices.SortFunc(rights.TrackPermissions, func(a, b *livekit.TrackPermission) int {
		return compare(a.ParticipantIdentity, b.ParticipantIdentity)
	})
	if text := "told " + rights.String(); text != s.allowed {
		s.allowed = text
		s.room.LocalParticipant.SetSubscriptionPermission(rights)
	}
}

// listeners returns who hears a participant in a language.
func (s *stay) listeners(speaker, lang string) []string {
	people, _ := s.people.get()
	var out []string
	for _, p := range people {
		if p.Hears(speaker, lang) {
			out = append(out, p.Identity)
		}
	}
	return out
}

// hint tells each listener how loud the original is to be, where that has changed.
func (s *stay) hint(people []wish.Person) {
	now := map[heard]*dubbing{}
	for id, d := range s.dubs {
		d.mu.Lock()
		for lang, o := range d.outlets {
			if sound, _ := o.sids(); sound == "" {
				continue
			}
			for _, p := range people {
				if p.Hears(id, lang) {
					now[heard{p.Identity, id, lang}] = d
				}
			}
		}
		d.mu.Unlock()
	}
	for h, d := range now {
		if s.hinted[h] == nil {
			d.hint(h.lang, Hint{Gain: 0}, []string{h.listener})
		}
	}
	for h, d := range s.hinted {
		if now[h] == nil {
			d.hint(h.lang, Hint{Gain: 1}, []string{h.listener})
		}
	}
	s.hinted = now
}

// heard is a dub that a listener hears.
type heard struct{ listener, speaker, lang string }
