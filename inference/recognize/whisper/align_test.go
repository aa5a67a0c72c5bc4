package whisper

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestPath compares with all paths there are.
func TestPath(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		rows, frames := 1+random.IntN(4), 1+random.IntN(6)
		cost := make([][]float64, rows)
		for r := range cost {
			for range frames {
				cost[r] = append(cost[r], random.Float64()-.5)
			}
		}
		least := math.Inf(1)
		var walk func(r, f int, sum float64)
		walk = func(r, f int, sum float64) {
			sum += cost[r][f]
			if r == rows-1 && f == frames-1 {
				least = min(least, sum)
				return
			}
			if r+1 < rows {
				walk(r+1, f, sum)
			}
			if f+1 < frames {
				walk(r, f+1, sum)
			}
			if r+1 < rows && f+1 < frames {
				walk(r+1, f+1, sum)
			}
		}
		walk(0, 0, 0)
		first := path(cost)
		if !slices.IsSorted(first) || first[0] != 0 || first[rows-1] >= frames {
			t.Fatalf("%d rows, %d frames: %v", rows, frames, first)
		}
		// From the first frames of each row follows the path: a row lasts until
		// the frame before the next one's first, or to it where going diagonally
		// costs more.
		if got := cheapest(cost, first); math.Abs(got-least) > 1e-9 {
			t.Fatalf("%v: the path costs %v, the cheapest %v", first, got, least)
		}
	}
}

// cheapest returns what the cheapest path costs whose rows begin at first.
func cheapest(cost [][]float64, first []int) float64 {
	rows, frames := len(cost), len(cost[0])
	sum := 0.0
	for r := range rows {
		last := frames - 1
		if r+1 < rows {
			last = first[r+1] // straight down, or a frame less: diagonally
			if last > first[r] && cost[r][last] > 0 {
				last--
			}
		}
		for f := first[r]; f <= last; f++ {
			sum += cost[r][f]
		}
	}
	return sum
}

func TestMedian(t *testing.T) {
	if got := median([]float64{0, 0, 9, 0, 0, 0, 5, 5, 5, 5, 5}); !slices.Equal(got, []float64{0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 5}) {
		t.Error(got)
	}
	if got := median([]float64{3}); !slices.Equal(got, []float64{3}) {
		t.Error(got)
	}
}

// TestPauses: attention that passes from word to word too late or too early is
// put right by the pauses that can be heard.
func TestPauses(t *testing.T) {
	pcm := make([]float32, 3*rate)
	for _, s := range [][2]float64{{.3, .8}, {1.4, 1.9}, {1.96, 2.5}} {
		for i := int(s[0] * rate); i < int(s[1]*rate); i++ {
			pcm[i] = .3 * float32(math.Sin(float64(i)))
		}
	}
	l := loudness(pcm)
	ms := func(d time.Duration) int64 { return d.Milliseconds() }
	if a, b := l.within(0, time.Second); ms(a) != 300 || ms(b) != 800 {
		t.Errorf("a word from %v to %v", a, b)
	}
	if a, b := l.within(900*time.Millisecond, 1200*time.Millisecond); ms(a) != 900 || ms(b) != 1200 {
		t.Errorf("silence is moved to %v, %v", a, b)
	}
	if a, b, ok := l.pause(400*time.Millisecond, 1800*time.Millisecond); !ok || ms(a) != 800 || ms(b) != 1400 {
		t.Errorf("the pause from %v to %v, %v", a, b, ok)
	}
	if _, _, ok := l.pause(1500*time.Millisecond, 2400*time.Millisecond); ok {
		t.Error("60 ms are no pause between words")
	}
	d := &decoding{m: &Model{info: &Info{AlignmentHeads: [][2]int{{0, 0}}}}, t: 150}
	for _, span := range [][2]int{{0, 15}, {15, 78}, {78, 97}, {97, 126}, {126, 150}} { // frames of 20 ms: the start, three words, the end
		row := make([]float32, d.t)
		for f := span[0]; f < span[1]; f++ {
			row[f] = 1
		}
		d.rows = append(d.rows, row)
	}
	words := []Word{{Tokens: []int{1}}, {Tokens: []int{2}}, {Tokens: []int{3}}}
	d.time(words, 1, 0, pcm)
	for i, want := range [][2]int64{{300, 800}, {1400, 1900}, {1960, 2500}} {
		if w := words[i]; abs(ms(w.Start)-want[0]) > 60 || abs(ms(w.End)-want[1]) > 60 {
			t.Errorf("word %d from %v to %v, not %v", i, w.Start, w.End, want)
		}
	}
}

// TestTimesInOrder: whatever a net looked at, and whatever is heard, words come
// one after the other within the sound.
func TestTimesInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		d := &decoding{m: &Model{info: &Info{AlignmentHeads: make([][2]int, 1+random.IntN(3))}}, t: 1 + random.IntN(150)}
		pcm := make([]float32, 1+random.IntN(d.t*2*hop+500))
		for i := range pcm {
			if i/2000%2 == 0 || random.IntN(2) == 0 {
				pcm[i] = random.Float32() - .5
			}
		}
		task, prefix := random.IntN(4), random.IntN(3)
		words := make([]Word, 1+random.IntN(5))
		rows := task + prefix + random.IntN(2)
		for i := range words {
			words[i].Tokens = make([]int, 1+random.IntN(3))
			rows += len(words[i].Tokens)
		}
		for range max(rows, task+1) {
			row := make([]float32, len(d.m.info.AlignmentHeads)*d.t)
			for f := range row {
				row[f] = random.Float32()
			}
			d.rows = append(d.rows, row)
		}
		d.time(words, task, prefix, pcm)
		before, end := time.Duration(0), time.Duration(len(pcm))*time.Second/rate
		for _, w := range words {
			if w.Start < before || w.End < w.Start || w.End > end {
				t.Fatalf("%v in %v of sound", words, end)
			}
			before = w.End
		}
	}
}

func abs(n int64) int64 { return max(n, -n) }
