package testspeaker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"livedub/inference"
	"livedub/media"
)

// Speech is what a speaker says: sound, and the phonemes in it by which the lips
// move. Without marks they follow the loudness.
type Speech struct {
	Sound media.Samples
	Marks []inference.Mark // relative to the start of Sound
}

// Sentences are English, chosen because PocketSphinx makes no word error in them with
// flite's voice rms; each is short enough for one unit.
var Sentences = []string{
	"Good morning everyone.",
	"My brother has a red car.",
	"The children play in the garden.",
	"We need more time.",
	"The weather is very good today.",
	"I would like a glass of water.",
}

// Spanish are sentences that Whisper base makes no word error in with Kokoro's
// voice ef_dora, and that Apertium brings to Portuguese without one.
var Spanish = []string{
	"Buenas tardes a todos.",
	"Hoy vamos a hablar de la ciudad.",
	"Mi hermano trabaja en un hospital.",
	"Esta mañana hace mucho sol.",
	"Aquí se come muy bien.",
	"Hasta pronto y muchas gracias.",
}

// Speak says sentences by sp in English, with a pause before each and after the
// last. A nil sp is flite's voice rms.
func Speak(ctx context.Context, sp inference.Synthesizer, pause time.Duration, sentences ...string) (Speech, error) {
	if sp == nil {
		sp = Flite{}
	}
	return SpeakIn(ctx, sp, "en", pause, sentences...)
}

// SpeakIn is Speak in another language, by a woman's voice where sp has one.
func SpeakIn(ctx context.Context, sp inference.Synthesizer, lang inference.Lang, pause time.Duration, sentences ...string) (Speech, error) {
	if len(sentences) == 0 {
		return Speech{}, errors.New("nothing to say: give a sentence")
	}
	var all Speech
	for _, text := range sentences {
		s, err := sp.Speak(ctx, inference.SpeechRequest{Lang: lang, Text: text, Gender: inference.Female})
		if err != nil {
			return Speech{}, fmt.Errorf("%q: %w", text, err)
		}
		if all.Sound.Rate == 0 {
			all.Sound = media.Samples{Rate: s.Sound.Rate, Channels: s.Sound.Channels}
		}
		if s.Sound.Rate != all.Sound.Rate || s.Sound.Channels != all.Sound.Channels {
			return Speech{}, fmt.Errorf("%q is spoken at %d Hz, what was before at %d: use one voice", text, s.Sound.Rate, all.Sound.Rate)
		}
		all.silence(pause)
		for _, m := range s.Marks {
			m.At += all.Sound.Duration()
			all.Marks = append(all.Marks, m)
		}
		all.Sound.Data = append(all.Sound.Data, s.Sound.Data...)
	}
	all.silence(pause)
	return all, nil
}

// silence lengthens s, with marks that stay contiguous.
func (s *Speech) silence(d time.Duration) {
	at := s.Sound.Duration()
	s.Sound.Data = append(s.Sound.Data, make([]int16, s.Sound.Channels*media.TimeToSamples(d, s.Sound.Rate))...)
	s.Marks = append(s.Marks, inference.Mark{At: at, Dur: s.Sound.Duration() - at})
}
