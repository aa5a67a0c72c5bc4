package caller

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp/codecs"

	"livedub/media"
)

// judged has a judge see a material from its beginning, delayed, with sound
// later than frames by late, as its sender reports tell. leave names frames that do not come.
func judged(t *testing.T, m *Material, delay, late, length time.Duration, leave ...int) *Judge {
	t.Helper()
	began := time.Unix(1_700_000_000, 0)
	j := NewJudge(m, delay, func() (time.Time, bool) { return began, true }, func(float64) {}, func(float64) {})
	done := make(chan struct{})
	go func() {
		defer close(done)
		j.Run()
	}()
	f, s := 0, 0
	for {
		frameAt, frame := m.frame(f)
		soundAt, sound := m.sound(s)
		if min(frameAt, soundAt) >= length {
			break
		}
		if soundAt <= frameAt {
			s++
			at := began.Add(soundAt + delay)
			j.queue <- work{1, "", false, sound.data, int64(s) * 960, at, at.Add(late), true}
			continue
		}
		f++
		if slices.Contains(leave, f-1) {
			continue
		}
		d := codecs.H264Packet{}
		var data []byte
		for _, p := range frame.payloads {
			b, err := d.Unmarshal(p)
			if err != nil {
				t.Fatal(err)
			}
			data = append(data, b...)
		}
		at := began.Add(frameAt + delay)
		j.queue <- work{1, "h264", false, data, int64(f) * 3000, at, at, true}
	}
	j.Close(began.Add(length + delay))
	<-done
	return j
}

// TestJudge: known delays and offsets come out as Figures.
func TestJudge(t *testing.T) {
	m := synthetic(t)
	j := judged(t, m, 2*time.Second, 40*time.Millisecond, 12*time.Second)
	if j.read != 360 || j.misread > 0 || j.missing > 0 || j.twice > 0 {
		t.Errorf("%d frames read, %d misread, %d missing, %d twice", j.read, j.misread, j.missing, j.twice)
	}
	if f := j.glass.Figures(); f == nil || f.Min != 2000 || f.Max != 2000 {
		t.Errorf("glass to glass: %+v", f)
	}
	if f := j.offset.Figures(); f == nil || f.N != 12 || math.Abs(f.Min-40) > 1 || math.Abs(f.Max-40) > 1 {
		t.Errorf("A/V offset: %+v", f)
	}
	// Nobody speaks but for the markers, which are too short for a phrase.
	if j.phrases.sounded != 0 || j.phrases.silent != 5 {
		t.Errorf("%d phrases sound, %d are silent", j.phrases.sounded, j.phrases.silent)
	}
}

// TestJudgeMisses: frames that did not come are missing; a stream that begins again shows frames twice.
func TestJudgeMisses(t *testing.T) {
	m := synthetic(t)
	// Those before a keyframe, so that the decoder does not lack them.
	j := judged(t, m, time.Second, 0, 4*time.Second, 27, 28, 29)
	if j.missing != 3 || j.read != 117 {
		t.Errorf("%d missing, %d read", j.missing, j.read)
	}
	began := time.Unix(0, 0)
	j = NewJudge(m, 0, nil, func(float64) {}, func(float64) {})
	for i, n := range []int{60, 61, 62, 61, 62, 63} {
		j.number(n, work{at: began.Add(2100*time.Millisecond + time.Duration(i)*33*time.Millisecond)}, began)
	}
	j.number(149, work{at: began.Add(time.Second)}, began) // not sent yet
	if j.twice != 2 || j.missing != 0 || j.misread != 1 {
		t.Errorf("%d twice, %d missing, %d misread", j.twice, j.missing, j.misread)
	}
}

// TestJudgeIsBounded: what does not fit is left out, and units up to the next keyframe with it.
func TestJudgeIsBounded(t *testing.T) {
	j := NewJudge(synthetic(t), 0, nil, nil, nil)
	for range maxQueue {
		if !j.video(1, "h264", unit{}, time.Time{}, false) {
			t.Fatal("left out too early")
		}
	}
	if j.video(1, "h264", unit{key: true}, time.Time{}, false) || j.leftOut != 1 {
		t.Error("there is no bound")
	}
	<-j.queue
	if j.video(1, "h264", unit{}, time.Time{}, false) || j.leftOut != 2 {
		t.Error("a frame without its reference is judged")
	}
	if !j.video(1, "h264", unit{key: true}, time.Time{}, false) {
		t.Error("a keyframe is left out")
	}
	j.audio(1, arrived{}, time.Time{}, false)
	if j.leftOut != 3 {
		t.Errorf("%d left out", j.leftOut)
	}
}

// TestListener: phrases are heard, silent or not there at all.
func TestListener(t *testing.T) {
	loud, quiet := media.Samples{Rate: 48000, Channels: 1, Data: make([]int16, 960)}, media.Samples{Rate: 48000, Channels: 1, Data: make([]int16, 960)}
	for i := range loud.Data {
		loud.Data[i] = 3000
	}
	l := listener{m: &Material{Length: 10 * time.Second, Said: []phrase{{"a", time.Second, 2 * time.Second}, {"b", 4 * time.Second, 6 * time.Second}}}}
	for at := 1500 * time.Millisecond; at < 38*time.Second; at += opusFrame { // within the first phrase
		switch {
		case at > 14*time.Second && at < 17*time.Second: // the second loop's b: nothing came
		case at > 20*time.Second && at < 23*time.Second: // the third loop's a: nobody speaks
			l.block(at, quiet)
		default:
			l.block(at, loud)
		}
	}
	// b, a, (b), (a), b, a, b: the fourth a and b are through as well.
	if l.sounded != 5 || l.silent != 2 {
		t.Errorf("%d sound, %d silent", l.sounded, l.silent)
	}
	l.pass(47 * time.Second) // nothing came any more
	if l.sounded != 5 || l.silent != 4 {
		t.Errorf("then %d sound, %d silent", l.sounded, l.silent)
	}
}

func TestUnwrap(t *testing.T) {
	var u unwrap
	var got []int64
	for _, v := range []uint32{1<<32 - 10, 5, 1<<32 - 3, 20} {
		got = append(got, u.to32(v))
	}
	if want := []int64{1<<32 - 10, 1<<32 + 5, 1<<32 - 3, 1<<32 + 20}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestNTP(t *testing.T) {
	for _, at := range []time.Time{time.Unix(1_764_000_000, 123_456_789), time.Unix(0, 999_999_999), time.Unix(2_000_000_000, 0)} {
		if d := fromNTP(toNTP(at)).Sub(at); d.Abs() > time.Nanosecond {
			t.Errorf("%v comes back %v off", at, d)
		}
	}
}

// TestRTPClock: RTP time runs over its 32 bits, and before its beginning.
func TestRTPClock(t *testing.T) {
	c := rtpClock{1<<32 - 100, 65535, 48000}
	if got := c.at(-6500 * time.Microsecond); got != 1<<32-100-312 {
		t.Errorf("6.5 ms before the beginning: %d", got)
	}
	if got := c.at(time.Second); got != 47900 {
		t.Errorf("after a second: %d", got)
	}
}
