package session_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
	"livedub/session/spec"
)

// talk is speech that ends with the last sample of its sound track.
var talk = []burst{{seconds(.5), seconds(1.7)}, {seconds(2.1), seconds(3.3)}}

// muted returns a speaker of talk whose sound has no packets in a span of time.
func muted(t *testing.T, length time.Duration, said []burst, frames bool, from, to time.Duration) *memory {
	t.Helper()
	src := speaker(t, length, said, true, frames)
	src.packets = slices.DeleteFunc(src.packets, func(p media.Packet) bool {
		return p.Kind == media.Audio && p.PTS >= from && p.PTS < to
	})
	return src
}

// TestMutedPublisherKeepsTheLastPhrase has a publisher's sound stop right after
// the last word, as push to talk does: the phrase does not wait for the next.
func TestMutedPublisherKeepsTheLastPhrase(t *testing.T) {
	last := talk[1].to
	for _, frames := range []bool{true, false} {
		for _, profile := range []spec.Profile{spec.Sync, spec.Live} {
			src := muted(t, seconds(20), talk, frames, last, seconds(20))
			t.Run(fmt.Sprintf("%s, frames %v", profile, frames), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					r.cfg.Profile, r.cfg.Delay = profile, profile.DefaultDelay()
					l := r.live(t)
					l.attach("es")
					c := newCaller(src, l.Clock)
					c.hang = true // it stays, and without frames sends nothing
					l.speak(c)
					time.Sleep(seconds(12))
					st := l.State()
					records := st.Dubs[0].Records
					if len(records) != len(talk) {
						t.Fatalf("%d phrases of %d; failures %v", len(records), len(talk), st.Failures)
					}
					for i, rec := range records {
						heard := rec.HeardAt - talk[i].to
						if rec.Outcome != spec.Played || heard < 0 || heard > seconds(.5+.2) {
							t.Errorf("phrase %d: %s (%s), heard %v after its last word", i, rec.Outcome, rec.Err, heard)
						}
						if profile == spec.Sync && rec.Late != 0 {
							t.Errorf("phrase %d is %v late", i, rec.Late)
						}
					}
				})
			})
		}
	}
}

// TestPublisherLeavesWithTheLastWord: what was said last is dubbed, with frames and without.
func TestPublisherLeavesWithTheLastWord(t *testing.T) {
	for _, frames := range []bool{true, false} {
		src := speaker(t, talk[1].to, talk, true, frames)
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			l := r.live(t)
			l.attach("es")
			l.publish(src)
			time.Sleep(talk[1].to + r.cfg.Delay + seconds(3))
			st := l.State()
			if d := st.Dubs[0]; d.Outcomes[spec.Played] != len(talk) || len(st.Failures) > 0 {
				t.Errorf("frames %v: fates %v, failures %v", frames, d.Outcomes, st.Failures)
			}
		})
	}
}

// TestUnmutedPublisherGoesOn has the sound stop for seconds and come back: the
// phrase before the gap is said once, and what follows stands where it was said.
func TestUnmutedPublisherGoesOn(t *testing.T) {
	all := append(slices.Clone(talk), burst{seconds(9.5), seconds(11)})
	src := muted(t, seconds(14), all, true, talk[1].to, seconds(9))
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		l := r.live(t)
		out := l.attach("es")
		l.publish(src)
		time.Sleep(seconds(14) + r.cfg.Delay + seconds(1))
		st := l.State().Dubs[0]
		if len(st.Records) != len(all) {
			t.Fatalf("%d phrases of %d", len(st.Records), len(all))
		}
		for i, rec := range st.Records {
			if off := rec.Phrase.Start - all[i].from; rec.Outcome != spec.Played || rec.Late != 0 || rec.Phrase.ID != i+1 || off < -seconds(.03) || off > seconds(.03) {
				t.Errorf("phrase %d: ID %d, %s, %v late, begins %v beside its place", i, rec.Phrase.ID, rec.Outcome, rec.Late, off)
			}
		}
		if n := len(shownFrames(t, out)); n != 14*testFPS || st.Frames.Dropped != 0 {
			t.Errorf("%d frames, frames %+v", n, st.Frames)
		}
	})
}

// TestFrameThatOutlivesItsSound dubs files whose sound track ends with the
// last word, and the frame later, or where there is no frame.
func TestFrameThatOutlivesItsSound(t *testing.T) {
	for _, length := range []float64{0, 4, 8, 12, 20} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.src = muted(t, seconds(max(length, 4)), talk, length > 0, talk[1].to, time.Hour)
				if err := r.run(t, t.Context()); err != nil {
					t.Fatal(err)
				}
				st := r.s.State().Dubs[0]
				if len(st.Records) != len(talk) {
					t.Fatalf("%d phrases of %d", len(st.Records), len(talk))
				}
				for i, rec := range st.Records {
					if rec.Outcome != spec.Played || rec.Late != 0 {
						t.Errorf("phrase %d: %s, %v late", i, rec.Outcome, rec.Late)
					}
				}
				if want := int(length) * testFPS; st.Frames.Out != want {
					t.Errorf("frames %+v, want %d", st.Frames, want)
				}
			})
		})
	}
}
