package ingest

import (
	"testing"
	"time"

	"livedub/media"
	"livedub/session/timeline"
)

// TestSoundLineKeepsNoSilence has a speaker pause for hours, as a muted
// microphone does, with readers only D behind.
func TestSoundLineKeepsNoSilence(t *testing.T) {
	const d = 4 * time.Second
	l := NewAudioBuffer(1, d+5*time.Second)
	readers := []*AudioReader{l.Reader(), l.Reader()}
	packet := make([]int16, timeline.Rate/50)
	for i := range packet {
		packet[i] = 1000
	}
	put := func(at time.Duration) {
		if err := l.Put(t.Context(), media.Samples{PTS: at, Rate: timeline.Rate, Channels: 1, Data: packet}); err != nil {
			t.Fatal(err)
		}
	}
	heard := 0
	block := make([]int16, len(packet))
	read := func() {
		for _, r := range readers {
			r.Read(block)
		}
		if block[0] != 0 {
			heard++
		}
	}
	const step = 20 * time.Millisecond
	for _, start := range []time.Duration{0, 2 * time.Hour} {
		heard = 0
		for at := start; at < start+20*time.Second; at += step {
			if at < start+10400*time.Millisecond { // no whole second, by which the line is freed
				put(at)
			}
			if len(l.pcm) > 20*timeline.Rate {
				t.Fatalf("at %v the line holds %d s", at, len(l.pcm)/timeline.Rate)
			}
			if at >= d {
				read()
			}
		}
		if heard != 520 {
			t.Errorf("from %v on, %d packets of 520 were heard", start, heard)
		}
		for start == 0 && readers[0].at < media.TimeToSamples(2*time.Hour-d, timeline.Rate) {
			read()
		}
	}
}
