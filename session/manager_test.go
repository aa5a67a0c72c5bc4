package session_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/session/live"
	"livedub/session/spec"
)

// TestLiveSession follows a call: a publisher who goes and comes back, a viewer
// who stays, one who comes late, and the original beside the dub.
func TestLiveSession(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	frames := media.LiveFrames()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.engines.Faces, r.engines.Lips = fake.Faces{}, &fake.Lips{}
		l := r.liveAs(t, es("call"))
		if l.Phase() != "new" {
			t.Errorf("phase %s", l.Phase())
		}
		dub, late, original := &memory{}, &memory{}, &memory{}
		l.add("es", dub)
		l.add("en", original)
		time.Sleep(seconds(3.21)) // the call is opened some time before it begins
		for n := range 2 {
			c := l.publish(src)
			time.Sleep(seconds(5))
			if n == 0 {
				if err := l.Publish(newCaller(src, l.Clock)); !errors.Is(err, spec.ErrBusy) {
					t.Errorf("a second publisher: %v", err)
				}
				l.add("es", late)
				if l.Phase() != "live" {
					t.Errorf("phase %s", l.Phase())
				}
			}
			time.Sleep(seconds(10))
			if l.Phase() != "idle" {
				t.Errorf("phase %s", l.Phase())
			}
			st := l.State().Dubs[0]
			if len(st.Records) != 3*(n+1) {
				t.Fatalf("%d phrases after %d publishers", len(st.Records), n+1)
			}
			for i, rec := range st.Records {
				if rec.Probe != nil {
					t.Errorf("phrase %d: %d samples are kept that nobody looks for", i, len(rec.Probe))
				}
				if rec.Phrase.ID != i+1 || rec.Outcome != spec.Played || rec.Late > 300*time.Millisecond {
					t.Errorf("phrase %d: ID %d, %s, %v late", i, rec.Phrase.ID, rec.Outcome, rec.Late)
				}
			}
			pcm := sound(t, dub)
			for i, b := range said {
				at := c.start + b.from + r.cfg.Delay + seconds(.05)
				if lv := level(pcm, fake.Tone, at); lv < 3000 {
					t.Errorf("publisher %d: dub %d is at %.0f where it should begin", n, i, lv)
				}
				if lv := level(sound(t, original), voice, at+seconds(.2)); lv < 8000 {
					t.Errorf("publisher %d: the original is at %.0f in phrase %d", n, lv, i)
				}
			}
		}
		for name, m := range map[string]*memory{"dub": dub, "late": late, "original": original} {
			show := shownFrames(t, m)
			if want := map[string]int{"dub": 450, "late": 425, "original": 450}[name]; len(show) < want-5 || len(show) > want+5 {
				t.Errorf("%s: %d frames, want about %d", name, len(show), want)
			}
			for i, p := range m.got() {
				if p.Kind == media.Video {
					if !p.Key {
						t.Errorf("%s: packet %d is the first frame and no keyframe", name, i)
					}
					break
				}
			}
		}
		if err := l.m.Delete("call"); err != nil {
			t.Fatal(err)
		}
		// What an ended session did stays counted.
		if got := metric(t, l.m, "livedub_phrases_total"); got != 6 {
			t.Errorf("livedub_phrases_total is %v", got)
		}
		for name, m := range map[string]*memory{"dub": dub, "late": late, "original": original} {
			if m.closes() != 1 {
				t.Errorf("%s: closed %d times", name, m.closes())
			}
		}
		if _, err := l.m.Get("call"); !errors.Is(err, spec.ErrNotFound) {
			t.Error(err)
		}
	})
	if n := media.LiveFrames(); n != frames {
		t.Errorf("%d frames leaked", n-frames)
	}
}

// metric returns the sum of a counter over its labels.
func metric(t *testing.T, c prometheus.Collector, name string) float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// TestTheOriginalAsTarget: who asks for it gets it, beside the dubs or alone.
func TestTheOriginalAsTarget(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	for want, to := range map[string][]inference.Lang{"[es en]": {"es", "en"}, "[en]": {"en", "en"}, "[fr]": {"fr"}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.engines.Faces, r.engines.Lips = fake.Faces{}, &fake.Lips{}
			from := to[len(to)-1]
			l := r.liveAs(t, spec.Spec{ID: "x", From: from, To: to, Consent: true})
			if got := fmt.Sprint(l.Languages()); got != want || l.Spec.To == nil || slices.Contains(l.Spec.To, from) {
				t.Errorf("%v: languages %s, targets %v", to, got, l.Spec.To)
			}
			original := l.attach(from)
			l.publish(src)
			time.Sleep(seconds(9) + r.cfg.Delay + seconds(1))
			st := l.State()
			if n := len(shownFrames(t, original)); n != 225 {
				t.Errorf("%v: %d frames", to, n)
			}
			if lv := level(sound(t, original), voice, said[0].from+r.cfg.Delay+seconds(.2)); lv < 8000 {
				t.Errorf("%v: the original's voice is at %.0f", to, lv)
			}
			if heard := from == "en"; (st.Heard == len(said)) != heard || len(st.Failures) > 0 {
				t.Errorf("%v: %d phrases heard, failures %v", to, st.Heard, st.Failures)
			}
			if _, looked := st.CPU["face"]; looked != (len(l.Spec.To) > 0) {
				t.Errorf("%v: faces were looked for: %v", to, looked)
			}
		})
	}
}

// TestPlacesFollowWhatTheNodeCarries: what was taken stays, no more is taken.
func TestPlacesFollowWhatTheNodeCarries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := 10
		taken := 0
		m := newManager(newRig(t), func(c *live.ManagerConfig) {
			c.Capacity = func(there, live int) int {
				if there != taken || live != 0 {
					t.Errorf("told of %d sessions, %d live", there, live)
				}
				return places
			}
		})
		defer m.Close()
		for i, c := range []struct {
			places int
			full   bool
		}{{10, false}, {1, true}, {0, true}, {-1, true}, {2, false}, {10, false}, {10, true}} { // at most 3 in any case
			places = c.places
			_, err := m.Create(es(fmt.Sprint("s", i)))
			if errors.Is(err, spec.ErrFull) != c.full {
				t.Errorf("%d sessions, %d places: %v", taken, c.places, err)
			}
			if err == nil {
				taken++
			}
		}
	})
}

func TestManagerRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(newRig(t))
		defer m.Close()
		for i := range 3 {
			if _, err := m.Create(es(fmt.Sprint("s", i))); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := m.Create(es("more")); !errors.Is(err, spec.ErrFull) {
			t.Errorf("a fourth of three: %v", err)
		}
		if err := m.Delete("s1"); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Create(es("s0")); !errors.Is(err, spec.ErrExists) {
			t.Errorf("a name twice: %v", err)
		}
		long := time.Hour
		for _, c := range []struct {
			spec spec.Spec
			kind error
		}{
			{es("../etc"), spec.ErrInvalid},
			{spec.Spec{ID: "x", From: "en", To: []inference.Lang{"es"}, Delay: &long}, spec.ErrInvalid},
			{spec.Spec{ID: "x", From: "en", To: []inference.Lang{"es"}, Profile: "fast"}, spec.ErrInvalid},
			{spec.Spec{ID: "x", From: "en", To: []inference.Lang{"xx"}}, inference.ErrUnsupported},
		} {
			if _, err := m.Create(c.spec); !errors.Is(err, c.kind) {
				t.Errorf("%+v: %v", c.spec, err)
			}
		}
		gone, err := m.Get("s2")
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Delete("s2"); err != nil {
			t.Fatal(err)
		}
		again, err := m.Create(es("s2"))
		if err != nil || len(again.Epoch) != 36 || again.Epoch == gone.Epoch {
			t.Errorf("a session of the same name is told apart by %q and %q, %v", gone.Epoch, again.Epoch, err)
		}
		if _, err := gone.Subscribe("es", &memory{}); !errors.Is(err, spec.ErrNotFound) {
			t.Errorf("a viewer of a session that has ended: %v", err)
		}
		if err := gone.Publish(newCaller(&memory{}, gone.Clock)); !errors.Is(err, spec.ErrNotFound) {
			t.Errorf("a publisher of a session that has ended: %v", err)
		}
		if _, err := m.Get("none"); !errors.Is(err, spec.ErrNotFound) || strings.Contains(err.Error(), "s0") {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		if n := len(m.List()); n != 0 {
			t.Errorf("%d sessions that nobody uses are left", n)
		}
		m.Close()
		if _, err := m.Create(es("y")); !errors.Is(err, spec.ErrFull) {
			t.Errorf("after Close: %v", err)
		}
	})
}
