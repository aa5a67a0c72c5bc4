package mouth

import (
	"image"
	"math"
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/lips"
)

// phrase is one that is dubbed: when it is said, and when its dub sounds, in frames.
type phrase struct {
	who        int
	said, ends int
	from, to   int // of the dub
	pitch      float64
}

// dubbed asks for the mouths of phrases as a session does that ducks the words of a
// phrase whose dub does not sound.
func (c *call) dubbed(phrases []phrase) {
	c.plan = func(at time.Duration, r *inference.LipsRequest) bool {
		var parts []inference.LipsPart
		n := int(at / tick)
		for _, dubs := range []bool{true, false} { // dubs come first
			for _, p := range phrases {
				sounds := n >= p.from && n < p.to
				if sounds != dubs || !sounds && (n < p.said || n >= p.ends) {
					continue
				}
				who := r.Snapshot.(inference.LipsWhose).Whose(inference.Said{Start: time.Duration(p.said) * tick, End: time.Duration(p.ends) * tick, Pitch: p.pitch})
				mouth := []inference.MouthShape{{Wide: .5}}
				if sounds {
					mouth = r.Mouth
				}
				have := false
				for _, o := range parts {
					have = have || o.Person == who
				}
				if !have {
					parts = append(parts, inference.LipsPart{Person: who, Mouth: mouth, Amount: 1})
				}
			}
		}
		if len(parts) == 0 {
			return false
		}
		r.Person, r.Mouth, r.Amount, r.Also = parts[0].Person, parts[0].Mouth, parts[0].Amount, parts[1:]
		return true
	}
}

// at returns what was done to the mouth of a face; false for nothing.
func (s *shown) at(f inference.Face) (lips.Trace, bool) {
	m := mouthOf(f)
	for _, tr := range s.traces {
		if tr.Method != inference.Untouched && image.Pt(int(m.X), int(m.Y)).In(tr.Mask) {
			return tr, true
		}
	}
	return lips.Trace{}, false
}

// TestLateDub shows two people side by side who take turns. The dub of the one who
// speaks first goes on for two seconds while the other one speaks: it stays with whose
// words it is, and the other mouth, whose words are ducked, stays shut until its own dub.
func TestLateDub(t *testing.T) {
	t.Parallel()
	for name, sides := range map[string][2]string{
		"left first": {"grid__bbaf2n", "grid__lbax4n"}, "right first": {"grid__lbax4n", "grid__bbaf2n"},
	} {
		t.Run(name, func(t *testing.T) {
			const w, h, turn, late, end = 420, 240, 125, 175, 250
			first := 0
			if name == "right first" {
				first = 1
			}
			var people [2]*speaker
			var sounds [2][]float64
			for k, name := range sides {
				people[k], sounds[k] = clip(t, name), levels(t, name)
			}
			look := newSheet(t)
			var truths [2][]inference.Face
			var made, opened [3][2]int // by stretch and side: frames with a mouth, and with one that was meant to open
			stretch := func(n int) int {
				switch {
				case n >= turn && n < late:
					return 1
				case n >= late:
					return 2
				}
				return 0
			}
			c := begin(t, func(p shown) {
				for k := range people {
					if tr, ok := p.at(truths[k][p.n]); ok {
						made[stretch(p.n)][k]++
						if tr.Height > .06 {
							opened[stretch(p.n)][k]++
						}
					}
				}
				if p.n >= turn-25 && p.n%10 == 0 {
					look.add(p, image.Rectangle{})
				}
			})
			c.dubbed([]phrase{{first, 0, turn, 10, late, 110}, {1 - first, turn, end, late, end, 210}})
			for i := range end {
				f := blank(w, h, time.Duration(i)*tick)
				speaks := first
				if i >= turn {
					speaks = 1 - first
				}
				for k, p := range people {
					said := i + 31*k
					if k != speaks { // who listens hardly moves
						said = 3 + int(2*math.Sin(float64(i)/9))
					}
					src, face := p.at(said)
					place := at(face, 105+210*float64(k), 90, 48)
					paste(f, src, place, &face)
					truths[k] = append(truths[k], place.face(face))
				}
				c.mouths.(inference.LipsHear).Hear(f.PTS, sounds[speaks][index(len(people[speaks].frames), i+31*speaks)])
				c.takeSome(f, nil, true)
			}
			c.end()
			second := 1 - first
			t.Logf("mouths of %v made: %v, of them open: %v", sides, made, opened)
			if n := made[0][second] + opened[1][second] + max(made[2][first]-4, 0); n > 0 { // 4: it fades
				t.Errorf("%d mouths are another's", n)
			}
			if made[0][first] < 90 || made[1][first] < late-turn-2 || opened[1][first] < 20 || made[2][second] < end-late-5 || opened[2][second] < 40 {
				t.Error("mouths are missing whose words they are")
			}
			if made[1][second] < 15 {
				t.Errorf("the mouth whose words are ducked is shut in %d frames", made[1][second])
			}
		})
	}
}

// TestVoiceOff shows one who listens to somebody who was never seen: no mouth says that.
func TestVoiceOff(t *testing.T) {
	t.Parallel()
	const end, from = 150, 45
	s, sounds := clip(t, "grid__bbaf2n"), levels(t, "grid__lbax4n")
	c := begin(t, func(p shown) {
		if p.n >= from && p.changed > 0 {
			t.Errorf("frame %d: %v", p.n, p.method)
		}
	})
	c.dubbed([]phrase{{0, 0, end, from, end, 110}})
	for i := range end {
		at := time.Duration(i) * tick
		f, face := plain(s, 2, at)
		c.mouths.(inference.LipsHear).Hear(at, max(sounds[index(75, i+12)], -35))
		c.take(f, &face)
	}
	c.end()
}
