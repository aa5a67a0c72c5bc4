package file

import (
	"math"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"livedub/media"
)

const (
	sound = 0
	frame = 1
	ms    = time.Millisecond
)

// A clock that restarts goes on where it was, and both tracks by the same step.
func TestTimelineBridgesAJumpOfTheClock(t *testing.T) {
	for _, jump := range []time.Duration{-90 * time.Minute, 20 * time.Hour} {
		l := timeline{zero: 2 * time.Hour, discont: true}
		at := l.zero
		var last [2]time.Duration
		put := func(i int, raw, want time.Duration, wantGap bool) {
			t.Helper()
			pts, dts, gap := l.place(i, raw, raw, 40*ms)
			if pts != want || gap != wantGap {
				t.Errorf("jump %v: track %d at %v gap %v, want %v %v", jump, i, pts, gap, want, wantGap)
			}
			if dts < last[i] {
				t.Errorf("dts %v after %v", dts, last[i])
			}
			last[i] = dts
		}
		for range 5 {
			put(frame, at, at-l.zero, false)
			put(sound, at+10*ms, at+10*ms-l.zero, false)
			at += 40 * ms
		}
		put(frame, at+jump, at-l.zero, true)         // frames jump first
		put(sound, at+10*ms, at+10*ms-l.zero, false) // sound of before still comes
		at += 40 * ms
		put(frame, at+jump, at-l.zero, false)
		put(sound, at+10*ms+jump, at+10*ms-l.zero, true)
		at += 40 * ms
		put(sound, at+10*ms+jump, at+10*ms-l.zero, false)
	}
}

// A track that was silent for long while the other went on keeps its time.
func TestTimelineKeepsALongSilence(t *testing.T) {
	l := timeline{discont: true}
	l.place(sound, 0, 0, 20*ms)
	for at := time.Duration(0); at < 30*time.Second; at += time.Second {
		l.place(frame, at, at, time.Second)
	}
	if pts, _, gap := l.place(sound, 30*time.Second, 30*time.Second, 20*ms); pts != 30*time.Second || !gap {
		t.Errorf("sound at %v, gap %v", pts, gap)
	}
}

func TestTimelineCountsWhereTheFileIsSilent(t *testing.T) {
	l := timeline{}
	l.trackOf[frame].step = 40 * ms
	for i := range 5 {
		pts, dts, _ := l.place(frame, unknown, unknown, unknown)
		if want := time.Duration(i) * 40 * ms; pts != want || dts != want {
			t.Errorf("frame %d at %v, %v", i, pts, dts)
		}
	}
	// Shown late, decoded in turn.
	if pts, dts, _ := l.place(frame, 400*ms, unknown, unknown); pts != 400*ms || dts != 200*ms {
		t.Errorf("at %v, decoded %v", pts, dts)
	}
	if _, dts, _ := l.place(frame, 100*ms, 100*ms, unknown); dts != 200*ms {
		t.Errorf("decoding time runs back to %v", dts)
	}
}

// Two captures of different clocks in one file play on through the seam.
func TestJoinedTransportStreams(t *testing.T) {
	a := makeFile(t, "a.ts", twoTrack, x264, aac, []string{"-output_ts_offset", "5000"})
	b := makeFile(t, "b.ts", twoTrack, x264, aac, []string{"-output_ts_offset", "100"})
	var joined []byte
	for _, p := range []string{a, b} {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		joined = append(joined, data...)
	}
	_, all := readAll(t, write(t, filepath.Join(t.TempDir(), "ab.ts"), joined))
	var seam [3]media.Packet
	for _, k := range []media.Kind{media.Audio, media.Video} {
		gaps := 0
		some := ofKind(all, k)
		for i, p := range some[1:] {
			if p.Gap {
				gaps++
				seam[k] = p
			}
			if d := p.DTS - some[i].DTS; d < 0 || d > 200*ms {
				t.Errorf("%v packet %d comes %v after the one before", k, i+1, d)
			}
		}
		if gaps < 1 || gaps > 2 { // libavformat also calls the packet at the seam corrupt
			t.Errorf("%v: %d gaps", k, gaps)
		}
		if end := some[len(some)-1].PTS; end < 3900*ms || end > 4200*ms {
			t.Errorf("%v ends at %v, want about 4 s", k, end)
		}
	}
	_, second := readAll(t, b)
	want := ofKind(second, media.Audio)[0].PTS - ofKind(second, media.Video)[0].PTS
	if got := seam[media.Audio].PTS - seam[media.Video].PTS; !near(got, want) {
		t.Errorf("behind the seam sound stands %v from its frame, want %v", got, want)
	}
}

func FuzzScale(f *testing.F) {
	f.Add(int64(-1024), 1, 44100)
	f.Add(int64(math.MaxInt64), math.MaxInt32, 1)
	f.Add(int64(math.MinInt64), 1001, 30000)
	f.Fuzz(func(t *testing.T, ts int64, num, den int) {
		if num <= 0 || den <= 0 || num > math.MaxInt32 || den > math.MaxInt32 {
			if toTime(ts, 0, den) != 0 {
				t.Error("a time base of zero gives a time")
			}
			return
		}
		want := new(big.Int).Mul(new(big.Int).Abs(big.NewInt(ts)), big.NewInt(int64(num)*int64(time.Second)))
		want.Add(want, big.NewInt(int64(den/2))).Div(want, big.NewInt(int64(den)))
		if want.Cmp(big.NewInt(int64(maxTime))) > 0 {
			want.SetInt64(int64(maxTime))
		}
		if ts < 0 {
			want.Neg(want)
		}
		got := toTime(ts, num, den)
		if big.NewInt(int64(got)).Cmp(want) != 0 {
			t.Errorf("%d * %d/%d = %v, want %v", ts, num, den, got, want)
		}
		if num == 1 && den <= 1000000 && got.Abs() < maxTime && toTicks(got, den) != ts {
			t.Errorf("%d ticks of 1/%d come back as %d", ts, den, toTicks(got, den))
		}
	})
}

func TestPrimingCountsEachSampleOnce(t *testing.T) {
	frame := media.SamplesToTime(1024, 48000)
	// An edit list: a number that covers two and a half packets, which it also leaves out.
	p := priming{rate: 48000}
	total := 0
	for i, discard := range []bool{true, true, false, false} {
		start := uint32(0)
		if i == 0 {
			start = 2560
		}
		s, _ := p.skips(frame, start, 0, discard)
		total += s
	}
	if total != 2560 {
		t.Errorf("%d samples dropped, want 2560", total)
	}
	p = priming{rate: 48000}
	if s, _ := p.skips(frame, 0, 0, true); s != 1024 {
		t.Errorf("a packet that is left out drops %d samples", s)
	}
	p = priming{rate: 48000, stated: 312}
	a, _ := p.skips(frame, 0, 0, false)
	b, _ := p.skips(frame, 0, 0, false)
	if a != 312 || b != 0 {
		t.Errorf("a track's own number: %d, %d", a, b)
	}
	if s, e := p.skips(frame, math.MaxUint32, math.MaxUint32, true); s > 2*mostSkipped || e > mostSkipped {
		t.Errorf("%d %d", s, e)
	}
}
