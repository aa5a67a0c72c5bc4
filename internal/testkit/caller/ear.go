package caller

import (
	"math"
	"sync"
	"time"

	"livedub/media"
)

const (
	dubLevel = 800. // amplitude of the fake voice's tone above which it is heard
	pilotDB  = -80  // of full scale: what Tones is at least, wherever it comes through
	maxHeard = 1 << 15
)

// ear hears the dub of Tones, which the fake engines make, at one viewer.
type ear struct {
	mu       sync.Mutex
	dubbed   []time.Duration // of each phrase, counted over the loops
	sounded  time.Time       // when anything was heard last
	silences []Pause
}

// block takes sound of a time of the material, which came at a moment.
func (e *ear) block(at time.Duration, came time.Time, s media.Samples) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if level(s.Data) > pilotDB {
		if !e.sounded.IsZero() && came.Sub(e.sounded) > gapTime {
			e.silences = keep(e.silences, Pause{e.sounded, came})
		}
		e.sounded = came
	}
	if tone(s, dubTone) < dubLevel {
		return
	}
	i := int((at - toneBefore) / tonePeriod)
	if at < toneBefore || i >= maxHeard {
		return
	}
	for len(e.dubbed) <= i {
		e.dubbed = append(e.dubbed, 0)
	}
	e.dubbed[i] += s.Duration()
}

// tone returns the amplitude of a frequency in sound, all channels together.
func tone(s media.Samples, hz float64) float64 {
	k := 2 * math.Cos(2*math.Pi*hz/float64(s.Rate))
	a, b := 0., 0.
	n := s.Frames()
	for i := range n {
		v := 0.
		for c := range s.Channels {
			v += float64(s.Data[i*s.Channels+c])
		}
		a, b = v/float64(s.Channels)+k*a-b, a
	}
	return 2 * math.Sqrt(max(0, a*a+b*b-k*a*b)) / float64(max(n, 1))
}

// Dubs tells what a viewer heard of the dubs of Tones.
type Dubs struct {
	Heard int
	Lost  []int // phrases, counted over the loops, of which too little was heard
	Twice []int // phrases of which too much was heard
}

// Dubs counts the phrases that were said from one time of the material to another.
// Those that are not due yet must not be asked for.
func (j *Judge) Dubs(from, to time.Duration) Dubs {
	j.ear.mu.Lock()
	defer j.ear.mu.Unlock()
	var d Dubs
	for i := 0; ; i++ {
		start, end := time.Duration(i)*tonePeriod+toneStart, time.Duration(i)*tonePeriod+toneEnd
		if end > to {
			return d
		}
		if start < from || !spoken(i, j.m) {
			continue
		}
		heard := time.Duration(0)
		if i < len(j.ear.dubbed) {
			heard = j.ear.dubbed[i]
		}
		switch {
		case heard < dubSounds*2/5:
			d.Lost = append(d.Lost, i)
		case heard > dubSounds*9/5: // a part of a neighbour's may sound in its place
			d.Twice = append(d.Twice, i)
			d.Heard++
		default:
			d.Heard++
		}
	}
}

// Silences returns the pauses of more than 100 ms in which nothing of Tones was heard,
// until now: packets of silence are no sound.
func (j *Judge) Silences() []Pause {
	j.ear.mu.Lock()
	defer j.ear.mu.Unlock()
	out := append([]Pause(nil), j.ear.silences...)
	if now := time.Now(); !j.ear.sounded.IsZero() && now.Sub(j.ear.sounded) > gapTime {
		out = append(out, Pause{j.ear.sounded, now})
	}
	return out
}
