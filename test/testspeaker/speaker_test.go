package testspeaker

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"livedub/inference"
)

// TestDrawnSpeakerIsDubbed takes the drawn speaker the whole way: the face
// followed, mouths learnt, the dub's shown.
func TestDrawnSpeakerIsDubbed(t *testing.T) {
	for i, c := range []struct {
		w, h int
		seed uint64
	}{{640, 360, 0}, {640, 360, 4}, {1280, 720, 0}} {
		t.Run(fmt.Sprintf("%dx%d, seed %d", c.w, c.h, c.seed), func(t *testing.T) {
			if testing.Short() && i > 0 {
				t.Skip("-short: the first size only")
			}
			const n, talk = 9 * fps, 5 * fps // frames, and those after which own mouths are due
			var eyes, corners, drawn, read, asked, got []float64
			followed, own := 0, 0
			show(t, c.w, c.h, c.seed, n, func(s shown) {
				if len(s.faces) == 1 && s.faces[0].ID == 1 {
					followed++
					f, unit := s.faces[0], distance(s.drawn.LeftEye, s.drawn.RightEye)
					eyes = append(eyes, distance(f.LeftEye, s.drawn.LeftEye)/unit, distance(f.RightEye, s.drawn.RightEye)/unit)
					corners = append(corners, distance(f.MouthLeft, s.drawn.MouthLeft)/unit, distance(f.MouthRight, s.drawn.MouthRight)/unit)
				}
				if n := changedOutside(s.before, s.after, s.trace.Mask); n > 0 {
					t.Errorf("frame %d: %d pixels changed outside of %v", s.n, n, s.trace.Mask)
				}
				drawn, read = append(drawn, s.mouth.Open), append(read, opening(s.before, s.drawn))
				if s.n < talk {
					return
				}
				if s.method == inference.Own {
					own++
				}
				asked, got = append(asked, s.want.Open), append(got, opening(s.after, s.drawn))
			})
			if followed*100 < 99*n {
				t.Fatalf("one face, always the same, in %d of %d frames", followed, n)
			}
			t.Logf("followed in %d of %d frames; eyes off by %s, mouth corners by %s eye distances", followed, n, spread(eyes), spread(corners))
			t.Logf("own mouths in %d of %d; opening: drawn against read %.3f, asked against read %.3f", own, n-talk, correlation(drawn, read), correlation(asked, got))
			if e := quantile(eyes, .95); e > .05 {
				t.Errorf("eyes are off by up to %.3f eye distances", e)
			}
			if e := quantile(corners, .95); e > .1 {
				t.Errorf("mouth corners are off by up to %.3f eye distances", e)
			}
			if own*100 < 80*(n-talk) {
				t.Errorf("own mouths in %d of %d frames", own, n-talk)
			}
			if r := correlation(drawn, read); r < .95 {
				t.Errorf("openings read from the drawing follow it by %.3f only: the measure is wrong", r)
			}
			if r := correlation(asked, got); r < .8 {
				t.Errorf("the dub's openings follow what was asked by %.3f", r)
			}
		})
	}
}

func distance(a, b inference.Point) float64 { return math.Hypot(a.X-b.X, a.Y-b.Y) }

func quantile(v []float64, q float64) float64 {
	return slices.Sorted(slices.Values(v))[int(q*float64(len(v)-1))]
}

func spread(v []float64) string {
	return fmt.Sprintf("%.3f (median), %.3f (95 %%), %.3f (most)", quantile(v, .5), quantile(v, .95), quantile(v, 1))
}

// correlation is Pearson's.
func correlation(a, b []float64) float64 {
	n := float64(len(a))
	var ma, mb, ab, aa, bb float64
	for i := range a {
		ma, mb = ma+a[i]/n, mb+b[i]/n
	}
	for i := range a {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	return ab / math.Sqrt(aa*bb)
}
