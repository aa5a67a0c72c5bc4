package cluster

// Prices say what parts of a session cost a node, in places. One place is a plain
// session: 1280x720, one language, embedded engines, no lips.
type Prices struct {
	Session float64 // ingest, recognition: once
	Dub     float64 // translation, voice, encoding: each language
	Lips    float64 // mouths: each language
	Voice   float64 // what a neural voice costs more: each language
	Hearing float64 // what a neural recognizer costs more: once
}

// DefaultPrices were measured on CPUs (docs/BENCHMARKS.md): a plain session takes
// .67 of a core, a further language .54 of the first, mouths 5 ms a frame, and
// Kokoro 1.1 s a second of speech, of which half of the time is full. Whisper base
// costs no more than PocketSphinx.
var DefaultPrices = Prices{Session: .46, Dub: .54, Lips: .22, Voice: .8}

// Work is what decides a session's cost.
type Work struct {
	Languages     int  // dubbed to; a session without any counts as one
	Lips          bool // mouths are rendered
	NeuralVoice   bool
	NeuralHearing bool
}

// Cost returns places for a session, MaxCost at most.
func (p Prices) Cost(w Work) float64 {
	each, once := p.Dub, p.Session
	if w.Lips {
		each += p.Lips
	}
	if w.NeuralVoice {
		each += p.Voice
	}
	if w.NeuralHearing {
		once += p.Hearing
	}
	return min(once+each*float64(max(w.Languages, 1)), MaxCost)
}
