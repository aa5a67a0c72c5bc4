package audio

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/media/pace"
	"livedub/session/spec"
	"livedub/session/work"
)

// chirp is sound that is like itself at one delay only.
func chirp(n int, f float64) []int16 {
	out := make([]int16, n)
	for i := range out {
		t := float64(i) / listenRate
		out[i] = int16(6000 * math.Sin(2*math.Pi*(f*t+180*t*t)))
	}
	return out
}

// played is an Out whose dub sounded with voice from an output time on.
type played struct {
	Out
	voice []int16
	from  time.Duration
	told  []int
	muted []int
}

func (o *played) Played(from time.Duration, n int) [][]int16 {
	pcm := make([]int16, n)
	at := media.TimeToSamples(o.from-from, listenRate)
	for i, v := range o.voice {
		if at+i >= 0 && at+i < n {
			pcm[at+i] = v
		}
	}
	return [][]int16{pcm}
}

func (o *played) OwnVoice(p inference.Phrase) { o.muted = append(o.muted, p.ID) }

func (o *played) Phrase(_ context.Context, p inference.Phrase, _ time.Duration) {
	o.told = append(o.told, p.ID)
}

// TestOwnVoice: a phrase that is the dub, 400 ms after it was played, is left out and
// counted; what the speaker says next to it is not, nor is anything of a file.
func TestOwnVoice(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		pacing work.Pacing
		told   []int
	}{
		"live": {work.PacingOf(pace.NewWall()), []int{2}},
		"file": {work.PacingOf(pace.NewVirtual()), []int{1, 2}},
	} {
		voice := chirp(2*listenRate, 400)
		out := &played{voice: voice, from: 10 * s}
		shared := &work.Shared{Log: slog.New(slog.DiscardHandler), Pacing: c.pacing}
		l := &listener{Input: &Input{env: Env{Shared: shared, Config: &spec.Config{Delay: 4 * s}, Out: out}}}
		heard := slices.Concat(make([]int16, listenRate*4/10), voice, make([]int16, listenRate/2), chirp(2*listenRate, 900))
		for at := 0; at < len(heard); at += 320 {
			l.memory.add(media.Samples{PTS: 10*s + media.SamplesToTime(at, listenRate), Rate: listenRate, Channels: 1, Data: heard[at:min(at+320, len(heard))]})
		}
		l.tell(t.Context(), []inference.Phrase{
			{ID: 1, Text: "hola", Start: 10*s + 400*time.Millisecond, End: 12*s + 400*time.Millisecond, Final: true},
			{ID: 2, Text: "bueno", Start: 12*s + 900*time.Millisecond, End: 14*s + 900*time.Millisecond, Final: true},
		}, 15*s)
		if !slices.Equal(out.told, c.told) || l.OwnVoice() != 2-len(c.told) || l.LastID() != 2 || len(out.muted) != 2-len(c.told) {
			t.Errorf("%s: told of %v, %d own", name, out.told, l.OwnVoice())
		}
	}
}

// TestMemory: what was heard is found by its time; a gap forgets what lay before it.
func TestMemory(t *testing.T) {
	var m memory
	ramp := func(n int) []int16 {
		out := make([]int16, n)
		for i := range out {
			out[i] = int16(i)
		}
		return out
	}
	m.add(media.Samples{PTS: time.Second, Rate: listenRate, Channels: 1, Data: ramp(listenRate)})
	from, pcm := m.between(1500*time.Millisecond, 9*time.Second)
	if from != 1500*time.Millisecond || len(pcm) != listenRate/2 || pcm[0] != listenRate/2 {
		t.Errorf("%v, %d samples", from, len(pcm))
	}
	if _, pcm := m.between(0, time.Second); pcm != nil {
		t.Errorf("%d samples of what was not heard", len(pcm))
	}
	m.add(media.Samples{PTS: 5 * time.Second, Rate: listenRate, Channels: 1, Data: ramp(listenRate)})
	if from, pcm := m.between(0, 9*time.Second); from != 5*time.Second || len(pcm) != listenRate {
		t.Errorf("after a gap: %v, %d samples", from, len(pcm))
	}
	for i := range 60 {
		m.add(media.Samples{PTS: time.Duration(6+i) * time.Second, Rate: listenRate, Channels: 1, Data: ramp(listenRate)})
	}
	if n := len(m.pcm); n > 2*20*listenRate || n < 20*listenRate {
		t.Errorf("%d samples are kept", n)
	}
}
