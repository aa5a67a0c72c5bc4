package dub

import (
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/session/timeline"
	"livedub/session/video"
)

// twoPeople tells who said a phrase by how high it was said.
type twoPeople struct{ asked []inference.Said }

func (w *twoPeople) Whose(p inference.Said) inference.Person {
	w.asked = append(w.asked, p)
	if p.Pitch > 150 {
		return 2
	}
	return 1
}

// TestRequestNamesPeople: a frame's request has the mouth of the person whose dub sounds, and
// of the one who fades beside it; a phrase is told apart by its interval and its pitch, and
// the engine hears the voice of that person alone.
func TestRequestNamesPeople(t *testing.T) {
	d, _ := newDub(true, engines(), false)
	say := func(id int, start time.Duration, pitch float64, sound int16) {
		pcm := make([]int16, timeline.Rate)
		for i := range pcm {
			pcm[i] = sound
		}
		p := inference.Phrase{ID: id, Start: start, End: start + time.Second, Pitch: inference.Pitch{Median: pitch}}
		if _, err := d.timeline.Place(0, p, pcm, []inference.Mark{{Viseme: inference.VisemeA, Dur: time.Second}}); err != nil {
			t.Fatal(err)
		}
	}
	say(1, time.Second, 110, 100)
	say(2, 2050*time.Millisecond, 210, 200)
	ask := func(at time.Duration, w inference.Snapshot) (inference.LipsRequest, bool) {
		f := media.NewFrame(16, 16)
		t.Cleanup(f.Release)
		f.PTS = at
		return d.request(at+d.env.Config.Delay, video.Frame{Pixels: f, Faces: []inference.Face{{ID: 1}}, Snapshot: w}, 40*time.Millisecond)
	}
	w := &twoPeople{}
	r, ok := ask(2060*time.Millisecond, w)
	if !ok || r.Person != 2 || r.Amount != 1 || len(r.Mouth) == 0 {
		t.Fatalf("%v: person %d has %v of %d shapes", ok, r.Person, r.Amount, len(r.Mouth))
	}
	if len(r.Also) != 1 || r.Also[0].Person != 1 || r.Also[0].Amount <= 0 || r.Also[0].Amount >= 1 || len(r.Also[0].Mouth) != len(r.Mouth) {
		t.Errorf("beside: %+v, want the first person, fading", r.Also)
	}
	for _, s := range w.asked {
		if s != (inference.Said{Start: time.Second, End: 2 * time.Second, Pitch: 110}) && s != (inference.Said{Start: 2050 * time.Millisecond, End: 3050 * time.Millisecond, Pitch: 210}) {
			t.Errorf("asked who said %+v", s)
		}
	}
	pcm := make([]int16, timeline.Rate/10)
	if r.Voice(-time.Second, pcm); pcm[0] != 0 {
		t.Error("the second person's mouth hears the first one's voice")
	}
	if r.Voice(0, pcm); pcm[0] != 200 {
		t.Errorf("the second person's mouth hears %d, want its own voice", pcm[0])
	}

	if r, ok := ask(1500*time.Millisecond, w); !ok || r.Person != 1 || len(r.Also) != 0 {
		t.Errorf("%v: person %d and %d beside, want the first alone", ok, r.Person, len(r.Also))
	}
	if r, ok := ask(2060*time.Millisecond, nil); !ok || r.Person != inference.Anyone || len(r.Also) != 0 {
		t.Errorf("an engine that tells nobody apart: %v, person %d and %d beside", ok, r.Person, len(r.Also))
	}
	if _, ok := ask(5*time.Second, w); ok {
		t.Error("a mouth is asked for where nothing is dubbed")
	}
}
