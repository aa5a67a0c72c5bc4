package recognize

import (
	"testing"
	"time"

	"livedub/inference"
)

// deaf is a Detector that hears no speech, whatever sounds.
type deaf struct{ frames int }

func (d *deaf) Speech([]int16) (bool, error) { d.frames++; return false, nil }

// What tells speech from other sound can be another engine.
func TestOtherDetector(t *testing.T) {
	t.Parallel()
	d := new(deaf)
	p, err := NewPocketSphinx(Config{Detector: func() (Detector, error) { return d, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s, err := p.Open(t.Context(), inference.Listening{Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := hear(t, s, 0, join(speak(t, "slt", "the weather is nice today"), silence(time.Second)), 320); len(got) > 0 || d.frames == 0 {
		t.Errorf("heard %v in %d frames", got, d.frames)
	}
}
