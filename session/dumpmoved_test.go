package session_test

import (
	"testing"
	"testing/synctest"
	"time"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/media"
	"livedub/session"
	"livedub/session/live"
	"livedub/session/timeline"
)

// TestDumpHoldsElsewhere: what was dumped at one node is neither heard nor told of at the
// next one, which opens the session from its checkpoint within D of the dump and is fed
// all of the sound once more. What is said after the dump is dubbed there. The sound is
// leveled, which brings nothing back.
func TestDumpHoldsElsewhere(t *testing.T) {
	said := []burst{{seconds(.5), seconds(1.7)}, {seconds(3), seconds(4.2)}, {seconds(5.8), seconds(7.2)}, {seconds(9), seconds(10.2)}}
	src := marked(t, seconds(14), said, seconds(2.7), seconds(6.55))
	for _, dump := range []bool{true, false} { // without one all of it is heard: the test can fail
		out, original := &memory{}, &memory{}
		var zero time.Duration
		var dumped int
		synctest.Test(t, func(t *testing.T) {
			r, kept := newRig(t), &shelf{}
			r.cfg.Loudness.Live, r.cfg.Loudness.Program = -16, -23
			open := func() *live.Manager {
				m := newManager(r, func(c *live.ManagerConfig) { c.Saver, c.Now = kept, time.Now })
				t.Cleanup(m.Close)
				return m
			}
			a := open()
			call, err := a.Create(es("a"))
			if err != nil {
				t.Fatal(err)
			}
			call.Keep()
			zero = call.Clock.Now()
			if err := call.Publish(newCaller(src, call.Clock)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(seconds(6.6))
			if dump {
				dumped = len(call.Dump().Phrases)
			}
			time.Sleep(seconds(.6)) // it is kept
			parts := kept.load()
			a.Close()

			cp, err := session.DecodeCheckpoint(parts...)
			if err != nil {
				t.Fatal(err)
			}
			next, err := open().Open("a", cp)
			if err != nil {
				t.Fatal(err)
			}
			for lang, sink := range map[inference.Lang]*memory{"es": out, "en": original} {
				if _, err := next.Subscribe(lang, sink); err != nil {
					t.Fatal(err)
				}
			}
			c := newCaller(src, next.Clock)
			c.start = 0
			if err := next.Publish(c); err != nil {
				t.Fatal(err)
			}
			time.Sleep(seconds(14))
			if n := next.State().Dumps; (n == 1) != dump {
				t.Errorf("it tells of %d dumps", n)
			}
			p, err := next.Records().Phrases(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, said := range p.All {
				if dump && said.Start-zero > seconds(2) && said.Start-zero < seconds(6.6) {
					t.Errorf("phrase %d is told of: %q", said.ID, said.Text)
				}
			}
		})
		if dump && dumped != 2 {
			t.Fatalf("%d phrases were dumped", dumped)
		}
		heard, speaker := sound(t, out), sound(t, original)
		if lv := loudest(speaker, mark); (lv > 300) == dump {
			t.Errorf("dump %v: the mark sounds at %.0f", dump, lv)
		}
		tone := func(from, to float64) float64 {
			return loudest(heard[media.TimeToSamples(zero+seconds(from), timeline.Rate):media.TimeToSamples(zero+seconds(to), timeline.Rate)], fake.Tone)
		}
		if lv := tone(8, 10.5); (lv > 1000) == dump { // of the phrases from 3 and 5.8 on
			t.Errorf("dump %v: their dub sounds at %.0f", dump, lv)
		}
		if lv := tone(13, 14); lv < 1000 {
			t.Errorf("dump %v: the phrase after it is not dubbed: %.0f", dump, lv)
		}
	}
}
