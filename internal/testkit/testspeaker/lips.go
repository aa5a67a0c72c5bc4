package testspeaker

import (
	"math"
	"time"

	"livedub/inference"
	"livedub/inference/viseme"
	"livedub/media"
)

// envelopeStep is how finely loudness is known.
const envelopeStep = 10 * time.Millisecond

// lips tells how the mouth stands at any time of a speech.
type lips struct {
	marks []inference.Mark
	loud  []loudness // by envelopeStep, where there are no marks
}

// loudness is what the ear knows of one step of sound, each 0..1.
type loudness struct{ level, bright float64 }

// newLips reads a speech, whose sound is mono.
func newLips(s Speech) *lips {
	if len(s.Marks) > 0 {
		return &lips{marks: s.Marks}
	}
	return &lips{loud: envelope(s.Sound)}
}

func (l *lips) at(t time.Duration) inference.MouthShape {
	if l.marks != nil {
		return viseme.At(l.marks, t)
	}
	rest := inference.MouthShape{Wide: .5}
	pos := float64(t)/float64(envelopeStep) - .5
	i := int(math.Floor(pos))
	if i < 0 || i+1 >= len(l.loud) {
		return rest
	}
	a, b, f := l.loud[i], l.loud[i+1], pos-math.Floor(pos)
	level, bright := a.level+(b.level-a.level)*f, a.bright+(b.bright-a.bright)*f
	// Hissing sounds spread the lips and hardly open them; dull ones round them.
	open := level * (1 - .75*bright)
	return inference.MouthShape{Open: open, Wide: .5 + .3*bright*level - .12*open, Round: .35 * level * (1 - min(1, 2.5*bright))}
}

// envelope returns the loudness of mono sound, smoothed over 50 ms as lips are slower than voices.
func envelope(s media.Samples) []loudness {
	n := media.TimeToSamples(envelopeStep, s.Rate)
	if n == 0 || s.Channels != 1 {
		return nil
	}
	var raw []loudness
	top := 500.0 // below that it is noise
	for i := 0; i+n <= len(s.Data); i += n {
		var sum, diff float64
		for j, v := range s.Data[i : i+n] {
			x := float64(v)
			sum += x * x
			if j > 0 {
				d := x - float64(s.Data[i+j-1])
				diff += d * d
			}
		}
		rms := math.Sqrt(sum / float64(n))
		top = max(top, rms)
		// The power of the differences over the power is 2-2cos(w) for a tone of w a sample.
		w := math.Sqrt(diff/(sum+1)) * float64(s.Rate) / (2 * math.Pi)
		raw = append(raw, loudness{rms, min(1, max(0, (w-1200)/3000))})
	}
	for i := range raw {
		raw[i].level = math.Pow(min(1, raw[i].level/(.7*top)), .7)
		if raw[i].level < .12 {
			raw[i].level = 0
		}
	}
	const half = 3
	out := make([]loudness, len(raw))
	for i := range raw {
		var l loudness
		weight := 0.0
		for k := -half; k <= half; k++ {
			if i+k < 0 || i+k >= len(raw) {
				continue
			}
			w := float64(half + 1 - max(k, -k))
			l.level += w * raw[i+k].level
			l.bright += w * raw[i+k].bright
			weight += w
		}
		out[i] = loudness{l.level / weight, l.bright / weight}
	}
	return out
}
