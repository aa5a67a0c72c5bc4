package mouth

import (
	"testing"
	"time"

	"livedub/inference"
)

// session shows a recorded speaker's frames from one on, in a session that begins with
// kept mouths, or nil. It returns the number of the first frame that had one of their own
// mouths, -1 for none, and the session.
func session(t *testing.T, s *speaker, from, frames int, kept []byte) (first int, c *call) {
	t.Helper()
	first = -1
	c = begin(t, func(p shown) {
		if first < 0 && p.method == inference.Own {
			first = p.n
		}
	})
	if kept != nil {
		if err := c.mouths.(inference.LipsKeep).Take(kept); err != nil {
			t.Fatal(err)
		}
	}
	for i := range frames {
		f, face := s.at(from + i)
		f = f.Clone()
		f.PTS = time.Duration(i) * tick
		c.takeSome(f, &face, true)
	}
	c.end()
	return first, c
}

// relit returns a speaker in light that falls off from left to right by half.
func relit(s *speaker) *speaker {
	out := &speaker{faces: s.faces}
	for _, f := range s.frames {
		g := f.Clone() // outlives the test, as all speakers' frames do
		for i, v := range g.Y {
			g.Y[i] = byte(min(float64(v)*(1.33-.66*float64(i%g.YStride)/float64(g.Width)), 255))
		}
		out.frames = append(out.frames, g)
	}
	return out
}

// TestKeptMouths: a recorded speaker whose mouths were kept has own mouths from the first
// frames of their next session on, which are those of another stretch of speech; somebody
// else who comes with these mouths does not get them, and leaves them as they were.
func TestKeptMouths(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"grid__lbax4n", "grid__bbaf2n"}, {"lp__d10", "lp__d12"}} {
		t.Run(pair[0], func(t *testing.T) {
			who, other := clip(t, pair[0]), clip(t, pair[1])
			_, c := session(t, who, 0, 40, nil)
			kept, err := c.mouths.(inference.LipsKeep).Keep()
			if err != nil || len(kept) == 0 || len(kept) > inference.MostKept {
				t.Fatalf("%d bytes, %v", len(kept), err)
			}
			cold, _ := session(t, who, 40, 40, nil)
			warm, c := session(t, who, 40, 40, kept)
			k := c.mouths.(inference.LipsKnows).Known()
			t.Logf("%d bytes; own mouths from frame %d on, without them from %d; %+v", len(kept), warm, cold, k)
			if !k.Warm || warm < 0 || warm > 10 || cold >= 0 && cold <= warm {
				t.Errorf("own mouths from frame %d on, cold from %d on; %+v", warm, cold, k)
			}
			again, err := c.mouths.(inference.LipsKeep).Keep()
			if err != nil || len(again) < len(kept) {
				t.Errorf("kept again: %d bytes after %d, %v", len(again), len(kept), err)
			}

			_, c = session(t, relit(who), 40, 20, kept)
			if k := c.mouths.(inference.LipsKnows).Known(); !k.Warm {
				t.Errorf("with a lamp on the other side they are somebody else: %+v", k)
			}
			for _, stranger := range []string{"grid__brbk7n", "grid__sbia1a", "lp__d11", "vr__3", "vr__4", "ls__demo1_video"} {
				_, c := session(t, clip(t, stranger), 0, 14, kept)
				if k := c.mouths.(inference.LipsKnows).Known(); k.Warm {
					t.Errorf("%s is taken for them: %+v", stranger, k)
				}
			}

			was, _ := session(t, other, 0, 40, nil)
			theirs, c := session(t, other, 0, 40, kept)
			if k := c.mouths.(inference.LipsKnows).Known(); k.Warm || theirs != was {
				t.Errorf("somebody else had own mouths from frame %d on, and %d without; %+v", theirs, was, k)
			}
			if got, err := c.mouths.(inference.LipsKeep).Keep(); got != nil || err != nil {
				t.Errorf("somebody else's were kept: %d bytes, %v", len(got), err)
			}
		})
	}
}
