package timeline

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
)

// TestDubsNeverOverlap throws phrases at random times and checks the frozen
// plan, and in the mixed sound that one dub's voice is never added to another's.
func TestDubsNeverOverlap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		tl := New(Config{Delay: 4 * time.Second, Freeze: 500 * time.Millisecond, MaxLate: 2500 * time.Millisecond, DuckUnits: true, Gain: .15})
		var source, now, last time.Duration
		voices := 0
		for id := 1; id < 12; id++ {
			p := inference.Phrase{ID: id, Start: source, End: source + time.Duration(200+r.IntN(2800))*time.Millisecond}
			source = p.End + time.Duration(r.IntN(1000))*time.Millisecond
			now = max(now, p.End+time.Duration(r.IntN(3000))*time.Millisecond)
			sound := make([]int16, 4800+r.IntN(4*Rate))
			for i := range sound {
				sound[i] = 1000
			}
			pl, err := tl.Place(now, p, sound, nil)
			if err != nil {
				continue
			}
			voices += len(sound)
			if pl.Start < last || pl.Start < now+500*time.Millisecond || pl.Start < p.Start+4*time.Second {
				t.Fatalf("placed at %v: last dub ends %v, now %v, due %v", pl.Start, last, now, p.Start+4*time.Second)
			}
			last = pl.End
		}
		heard := 0
		for o := time.Duration(0); o < last+time.Second; o += 20 * time.Millisecond {
			block := make([]int16, 2*Rate/50)
			tl.Mix(o, block, 2)
			for i, v := range block {
				if v != 0 && v != 1000 {
					t.Fatalf("two dubs sound at once at %v: %d", o, v)
				}
				if v == 1000 && i%2 == 0 {
					heard++
				}
			}
		}
		// Placed after the fact in this test: a placement known later than its
		// block's time is not heard, everything else is, to the sample.
		if heard > voices || heard == 0 && voices > 0 {
			t.Fatalf("%d samples of dubs were heard, %d placed", heard, voices)
		}
	}
}

func TestMixIsExact(t *testing.T) {
	tl := New(Config{Delay: time.Second, Freeze: 100 * time.Millisecond, MaxLate: time.Second, Gain: .15})
	sound := make([]int16, 1000)
	for i := range sound {
		sound[i] = int16(i + 1)
	}
	pl, err := tl.Place(0, inference.Phrase{ID: 1, Start: 12345 * time.Microsecond, End: time.Second}, sound, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := -1
	for o := time.Duration(0); o < 2*time.Second; o += 20 * time.Millisecond {
		block := make([]int16, Rate/50)
		tl.Mix(o, block, 1)
		for i, v := range block {
			n := int(o/time.Millisecond)*48 + i
			if v != 0 && first < 0 {
				first = n
			}
			if first >= 0 && n-first < 1000 && int(v) != n-first+1 {
				t.Fatalf("sample %d is %d, want %d", n, v, n-first+1)
			}
		}
	}
	if want := 48593; first != want || pl.Start != 1012345*time.Microsecond { // the nearest to 1.012345 s * 48000
		t.Errorf("dub begins at sample %d, want %d", first, want)
	}
}

func TestForgetKeepsWhatIsStillNeeded(t *testing.T) {
	tl := New(Config{Delay: time.Second, MaxLate: time.Hour, DuckUnits: true, Gain: .15})
	for i := range 100 {
		at := time.Duration(i) * 2 * time.Second
		if _, err := tl.Place(at, inference.Phrase{ID: i, Start: at, End: at + time.Second}, make([]int16, Rate), nil); err != nil {
			t.Fatal(err)
		}
	}
	tl.Forget(100 * time.Second)
	if n := len(tl.placed); n < 50 || n > 54 {
		t.Errorf("%d placements are left", n)
	}
	if m := tl.Mouth(101500 * time.Millisecond); m.Voice != Dub {
		t.Errorf("a dub that is due was forgotten")
	}
}

func TestForget(t *testing.T) {
	tl := New(Config{Delay: time.Second, MaxLate: time.Second})
	for i := range 3 {
		at := time.Duration(i) * 2 * time.Second
		if _, err := tl.Place(at, inference.Phrase{ID: i, Start: at, End: at + time.Second}, make([]int16, Rate), nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(100, func() { tl.Forget(5 * time.Second) }); n != 0 || len(tl.placed) != 3 {
		t.Errorf("%g allocations to forget nothing, %d placed", n, len(tl.placed))
	}
	tl.Forget(5*time.Second + 1) // the first ends at 2 s
	if len(tl.placed) != 2 {
		t.Errorf("%d placed, want 2", len(tl.placed))
	}
}

// TestVoiceIsTheDubAlone: at its place, and only as far as it was known.
func TestVoiceIsTheDubAlone(t *testing.T) {
	tl := New(Config{Delay: time.Second, Freeze: 100 * time.Millisecond, MaxLate: time.Second})
	if _, err := tl.Place(500*time.Millisecond, inference.Phrase{ID: 1}, []int16{7, 8, 9}, nil); err != nil {
		t.Fatal(err)
	}
	pcm := []int16{1, 1, 1, 1, 1}
	from := time.Second - media.SamplesToTime(1, Rate)
	if tl.Voice(600*time.Millisecond, from, pcm, inference.Anyone, nil); !slices.Equal(pcm, []int16{0, 7, 8, 9, 0}) {
		t.Errorf("heard %v", pcm)
	}
	if tl.Voice(400*time.Millisecond, from, pcm, inference.Anyone, nil); !slices.Equal(pcm, make([]int16, 5)) {
		t.Errorf("heard %v before it was known", pcm)
	}
}
