package mouth

import (
	"errors"
	"image"
	"io"
	"math"
	"testing"
	"time"

	"livedub/inference"
	"livedub/internal/testkit/groundtest"
	"livedub/media"
	"livedub/media/codec"
	"livedub/media/file"
)

// TestTwoPeople shows two recorded people side by side who both move their mouths all the
// time, the one who is not heard larger: the mouth goes to the one who is heard, and to
// the other one after the sound has changed sides. Nobody gets another's mouth.
func TestTwoPeople(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"grid__bbaf2n", "grid__lbax4n"}, {"grid__lrwp9a", "grid__brbk7n"}} {
		t.Run(pair[0]+" and "+pair[1], func(t *testing.T) {
			const w, h = 420, 240
			const turn, learning = 250, 125 // frames
			var people [2]*speaker
			var sounds [2][]float64
			for k, name := range pair {
				people[k], sounds[k] = clip(t, name), levels(t, name)
			}
			look := newSheet(t)
			var made, right [2]int
			var who func(n int) int
			var truths [2][]inference.Face
			c := begin(t, func(p shown) {
				k := who(p.n)
				if p.changed == 0 || p.n%turn < learning {
					return
				}
				made[k]++
				if at := mouthOf(truths[k][p.n]); math.Abs(p.middle.X-at.X) < .6*apart(truths[k][p.n]) {
					right[k]++
				}
				if p.n%50 == 0 {
					look.add(p, image.Rectangle{})
				}
			})
			who = func(n int) int { return n / turn }
			for i := range 2 * turn {
				f := blank(w, h, time.Duration(i)*tick)
				for k, p := range people {
					src, face := p.at(i + 31*k) // they say other things
					eyes := 46.
					if who(i) != k {
						eyes = 50
					}
					place := at(face, 105+210*float64(k), 90, eyes)
					paste(f, src, place, &face)
					truths[k] = append(truths[k], place.face(face))
				}
				k := who(i)
				c.mouths.(inference.LipsHear).Hear(f.PTS, sounds[k][index(len(people[k].frames), i+31*k)])
				c.takeSome(f, nil, true)
			}
			c.end()
			for k := range people {
				t.Logf("%s: %d of %d mouths", pair[k], right[k], made[k])
				if made[k] < (turn-learning)*2/3 || right[k] < made[k]*95/100 {
					t.Errorf("%s is heard: %d of %d mouths were theirs, in %d frames", pair[k], right[k], made[k], turn-learning)
				}
			}
		})
	}
}

// index is that of the frame which at returns for i, of n.
func index(n, i int) int {
	if i %= 2 * n; i >= n {
		i = 2*n - 1 - i
	}
	return i
}

// levels returns how loud a clip is around each of its frames, dB of full scale.
func levels(t *testing.T, name string) []float64 {
	t.Helper()
	src, err := file.Open(groundtest.Shared(t, "clips/"+name+"*"))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var dec *codec.AudioDecoder
	for _, track := range src.Tracks() {
		if track.Kind == media.Audio {
			if dec, err = codec.NewAudioDecoder(track); err != nil {
				t.Fatal(err)
			}
			defer dec.Close()
		}
	}
	power, n := make([]float64, 200), make([]float64, 200)
	for {
		p, err := src.Read(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Kind != media.Audio {
			continue
		}
		sound, err := dec.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sound {
			for i, v := range s.Data {
				at := s.PTS + time.Duration(i/s.Channels)*time.Second/time.Duration(s.Rate)
				if k := int(at / tick); k >= 0 && k < len(power) {
					power[k] += float64(v) * float64(v) / (1 << 30)
					n[k]++
				}
			}
		}
	}
	for k := range power {
		power[k] = max(-100, 10*math.Log10(power[k]/max(n[k], 1)+1e-12))
	}
	return power
}
