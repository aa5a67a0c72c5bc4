package wish

import (
	"cmp"
	"slices"
	"time"
)

// Person is a participant of a room as a plan sees them.
type Person struct {
	Identity string
	Wish     Wish
	Program  bool      // an agent, a recorder: not somebody who speaks
	Mic      string    // the track of their voice; "" for none
	Camera   string    // the track of their face; "" for none
	Refused  string    // why their tracks cannot be dubbed; "" where they can
	Muted    bool      // the voice
	Spoke    time.Time // when they spoke last, or came
	Dubbed   bool      // now
	Unheard  bool      // nothing tells whether they speak: they may, always
}

// turn is how long somebody may pause and still count as speaking: who is dubbed is not
// put out by somebody who speaks in their pauses, or at the same time.
const turn = 5 * time.Second

// Rules are what whoever runs the connector has decided.
type Rules struct {
	From     string                     // what is spoken by who does not say
	To       []string                   // languages that may be asked for; nil: any
	Pairs    func(from, to string) bool // whether a pair works; nil: all do
	Speakers int                        // dubbed at once, at most; 0: any number
	Quiet    time.Duration              // who has not spoken for so long is not dubbed until they speak; 0: forever
	Now      time.Time
}

// Dub is what is to be made of one participant.
type Dub struct {
	From   string
	To     []string // sorted
	Video  []string // of To, those that somebody wants to see
	Mic    string
	Camera string // "" where nobody wants to see, or there is none
}

// Why tells why a participant is not dubbed.
type Why string

const (
	Dubbed    Why = "dubbed"
	NotAsked  Why = "nobody asks for another language"
	NoConsent Why = "no consent"
	Skipped   Why = "marked not to be dubbed"
	NoVoice   Why = "no voice: they publish no sound that may be dubbed"
	Silent    Why = "quiet for long: dubbed again when they speak"
	TooMany   Why = "others have spoken more recently, and no more are dubbed at once"
)

// State is what a plan says of one participant.
type State struct {
	Why    Why
	Dub    *Dub   // nil unless Dubbed
	Listen string // the track of the voice of who would be dubbed if they spoke; "" for others
}

// Plan decides for each participant by whom they are heard in which languages.
func Plan(people []Person, r Rules) map[string]State {
	out := map[string]State{}
	var able []Person
	dubs := map[string]*Dub{}
	for _, p := range people {
		if p.Program {
			continue
		}
		d, why := r.want(p, people)
		out[p.Identity] = State{Why: why}
		if d != nil {
			able, dubs[p.Identity] = append(able, p), d
		}
	}
	// Who spoke last counts first; among equals the order must not waver from one plan to the next.
	slices.SortFunc(able, func(a, b Person) int {
		return cmp.Or(cmp.Compare(r.since(a), r.since(b)), first(a.Dubbed, b.Dubbed), cmp.Compare(a.Identity, b.Identity))
	})
	for i, p := range able {
		switch {
		case r.Quiet > 0 && r.Now.Sub(p.Spoke) > r.Quiet:
			out[p.Identity] = State{Why: Silent, Listen: p.Mic}
		case r.Speakers > 0 && i >= r.Speakers:
			out[p.Identity] = State{Why: TooMany, Listen: p.Mic}
		default:
			out[p.Identity] = State{Why: Dubbed, Dub: dubs[p.Identity]}
		}
	}
	return out
}

// since returns for how long somebody has not spoken. Who may speak stands behind who does.
func (r Rules) since(p Person) time.Duration {
	if p.Unheard {
		return turn + 1
	}
	if d := r.Now.Sub(p.Spoke); d > turn {
		return d
	}
	return 0
}

// first orders what is so before what is not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// want returns what the others want of one participant, nil and why where that is nothing.
func (r Rules) want(p Person, people []Person) (*Dub, Why) {
	switch {
	case p.Wish.Skip:
		return nil, Skipped
	case !p.Wish.Consent:
		return nil, NoConsent
	case p.Refused != "":
		return nil, Why(p.Refused)
	case p.Mic == "":
		return nil, NoVoice
	}
	d := &Dub{From: cmp.Or(p.Wish.From, r.From), Mic: p.Mic}
	for _, l := range people {
		if l.Identity == p.Identity || l.Program {
			continue
		}
		for _, lang := range l.Wish.Langs {
			if !r.allows(d.From, lang) {
				continue
			}
			if !slices.Contains(d.To, lang) {
				d.To = append(d.To, lang)
			}
			if l.Wish.Video && p.Camera != "" && !slices.Contains(d.Video, lang) {
				d.Video, d.Camera = append(d.Video, lang), p.Camera
			}
		}
	}
	if len(d.To) == 0 {
		return nil, NotAsked
	}
	slices.Sort(d.To)
	slices.Sort(d.Video)
	return d, Dubbed
}

// allows tells whether one language may be dubbed to another.
func (r Rules) allows(from, to string) bool {
	return from != to && (r.To == nil || slices.Contains(r.To, to)) && (r.Pairs == nil || r.Pairs(from, to))
}

// Hears tells whether a listener asked to hear a participant in a language.
func (p Person) Hears(speaker, lang string) bool {
	return p.Identity != speaker && !p.Program && slices.Contains(p.Wish.Langs, lang)
}
