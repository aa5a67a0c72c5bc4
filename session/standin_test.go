package session_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"livedub/media"
	"livedub/session/ingest"
	"livedub/session/live"
	"livedub/session/spec"
)

// standIn is a caller that stands in for one who is connected elsewhere.
type standIn struct {
	*caller
	replaced atomic.Int32
}

func (s *standIn) Replaced() {
	s.replaced.Add(1)
	s.Close()
}

// after keeps a source's packets from some time on. Its frames are made to be keyframes,
// as they can be decoded behind those of before.
func after(src *memory, from time.Duration) *memory {
	out := &memory{tracks: src.tracks}
	for _, p := range src.packets {
		p.Key = true
		if p.DTS >= from {
			out.packets = append(out.packets, p)
		}
	}
	return out
}

// TestSpeakerTakesTheStandInsPlace has a speaker come in the middle of a phrase, whose
// packets came from another node before: the phrase is heard whole, frames and phrases
// once, and nobody is busy.
func TestSpeakerTakesTheStandInsPlace(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	for _, tt := range []struct {
		name    string
		comes   float64
		leaves  bool // before sending anything
		codec   media.Codec
		phrases int
	}{
		{"in a pause", 2.5, false, "", len(said)},
		{"in a phrase", 3.3, false, "", len(said)},
		{"and leaves", 3.3, true, "", len(said)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newRig(t).live(t)
				out := l.attach("es")
				there := &standIn{caller: newCaller(src, l.Clock)}
				l.speak(there)
				time.Sleep(seconds(tt.comes))
				if err := l.Vacant(); err != nil || l.Phase() != "live" {
					t.Fatalf("%v, %s", err, l.Phase())
				}
				left := after(src, seconds(tt.comes))
				if tt.leaves {
					left.packets = nil
				}
				c := newCaller(left, l.Clock)
				c.start = there.start
				l.speak(c)
				if err := l.Vacant(); !tt.leaves && !errors.Is(err, spec.ErrBusy) {
					t.Errorf("beside the speaker: %v", err)
				}
				time.Sleep(seconds(14) - seconds(tt.comes))
				st := l.State()
				var starts []time.Duration
				for _, r := range st.Dubs[0].Records {
					if r.Outcome != spec.Played {
						t.Errorf("phrase %d: %s", r.Phrase.ID, r.Outcome)
					}
					starts = append(starts, r.Phrase.Start.Round(100*time.Millisecond))
				}
				var want []time.Duration
				for _, b := range said {
					want = append(want, b.from.Round(100*time.Millisecond))
				}
				if !slices.Equal(starts, want) {
					t.Errorf("phrases at %v, want %v", starts, want)
				}
				if n := len(shownFrames(t, out)); n != 225 {
					t.Errorf("%d frames", n)
				}
				if want := map[bool]int{true: 0, false: 1}[tt.leaves]; int(there.replaced.Load()) != want {
					t.Errorf("replaced %d times, want %d", there.replaced.Load(), want)
				}
				if l.Phase() != "idle" || l.Speaking() {
					t.Errorf("all have left: %s", l.Phase())
				}
			})
		})
	}
}

// TestStandInOfAnotherCodec gives way like any publisher who has left.
func TestStandInOfAnotherCodec(t *testing.T) {
	src := speaker(t, seconds(3), nil, true, true)
	synctest.Test(t, func(t *testing.T) {
		l := newRig(t).live(t)
		out := l.attach("es")
		odd := &memory{tracks: slices.Clone(src.tracks), packets: src.packets[:len(src.packets)/3]}
		for i := range odd.tracks {
			if odd.tracks[i].Kind == media.Video {
				odd.tracks[i].Codec = media.VP8 // which its packets are not
			}
		}
		there := &standIn{caller: newCaller(odd, l.Clock)}
		there.hang = true
		l.speak(there)
		time.Sleep(seconds(1))
		l.publish(src)
		time.Sleep(seconds(10))
		if there.replaced.Load() != 1 {
			t.Errorf("replaced %d times", there.replaced.Load())
		}
		if n := len(shownFrames(t, out)); n != 75 {
			t.Errorf("%d frames", n)
		}
	})
}

// fed is another node as a call's tap sees it.
type fed struct {
	tracks, packets int
}

func (f *fed) Track(media.Track)  { f.tracks++ }
func (f *fed) Write(media.Packet) { f.packets++ }

// TestDrainHandsOver: a call that has moved is over here when all have left, or when its
// speaker has and nobody can be waiting for more. One that comes back may be come back to.
func TestDrainHandsOver(t *testing.T) {
	src := speaker(t, seconds(9), said, true, true)
	for _, tt := range []struct {
		name   string
		leaves bool // the viewer, when told
		stays  bool // the call, after all
		ends   time.Duration
	}{
		{"all leave", true, false, seconds(9)},
		{"all leave, and might come back", true, true, seconds(9) + spec.Sync.DefaultDelay() + 5*time.Second},
		{"a viewer stays", false, false, seconds(9) + spec.Sync.DefaultDelay() + 5*time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var to fed
				r := newRig(t)
				m := newManager(r, func(c *live.ManagerConfig) {
					c.Ahead = 4 * time.Second
					c.HandOver = func(ctx context.Context, c *live.Call) {
						stop := c.Tap(ingest.Outlet(&to))
						defer stop()
						time.Sleep(time.Second)
						c.Moved(77)
						if tt.stays {
							c.Stays()
						}
						<-ctx.Done()
					}
				})
				defer m.Close()
				call, err := m.Create(es("a"))
				if err != nil {
					t.Fatal(err)
				}
				l := &liveRig{call, t, m}
				at := l.add("es", &memory{})
				l.publish(src)
				began := time.Now()
				time.Sleep(seconds(3))
				if tt.leaves {
					time.AfterFunc(seconds(2), at.Close)
				}
				m.Drain(t.Context(), 10*time.Minute)
				if took := time.Since(began); took < tt.ends-time.Second || took > tt.ends+time.Second {
					t.Errorf("over after %v, want %v", took, tt.ends)
				}
				if to.tracks != 2 || to.packets != len(src.packets) {
					t.Errorf("%d tracks and %d packets were handed on, of %d", to.tracks, to.packets, len(src.packets))
				}
				told := 0
				for e := range l.Records().All(t.Context()) {
					if e.Moved != nil && e.Moved.Fence == 77 {
						told++
					}
				}
				if told != 1 {
					t.Errorf("those who listen were told %d times", told)
				}
			})
		})
	}
}
