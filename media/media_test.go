package media

import (
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSamplesAndTimeAgree(t *testing.T) {
	for _, rate := range []int{8000, 11025, 16000, 22050, 44100, 48000} {
		for _, n := range []int{0, 1, 7, 1024, rate, 3600*rate + 13, 100 * 3600 * rate, -1, -1024} {
			if got := TimeToSamples(SamplesToTime(n, rate), rate); got != n {
				t.Errorf("%d samples at %d Hz come back as %d", n, rate, got)
			}
		}
	}
	if d := SamplesToTime(44100, 44100); d != time.Second {
		t.Errorf("44100 samples at 44100 Hz last %v", d)
	}
	if d := SamplesToTime(5, 0); d != 0 {
		t.Errorf("no rate gives %v", d)
	}
	s := Samples{PTS: time.Second, Rate: 48000, Channels: 2, Data: make([]int16, 960)}
	if s.Frames() != 480 || s.Duration() != 10*time.Millisecond || s.End() != 1010*time.Millisecond {
		t.Errorf("%d instants, %v, end %v", s.Frames(), s.Duration(), s.End())
	}
}

func TestFramesAreCounted(t *testing.T) {
	before := LiveFrames()
	freed := 0
	f := WrapFrame(Planes{Width: 2, Height: 2}, func() { freed++ })
	var wg sync.WaitGroup
	for range 100 {
		f.Retain()
		wg.Go(f.Release)
	}
	wg.Wait()
	if freed != 0 || LiveFrames() != before+1 {
		t.Errorf("freed %d times while held, %d live", freed, LiveFrames()-before)
	}
	f.Release()
	if freed != 1 || LiveFrames() != before {
		t.Errorf("freed %d times, %d live", freed, LiveFrames()-before)
	}
	defer func() {
		if recover() == nil {
			t.Error("releasing once too often went unnoticed")
		}
	}()
	f.Release()
}

func TestCloneCopiesPixelsNotStrides(t *testing.T) {
	const w, h, stride = 5, 3, 8
	p := Planes{Width: w, Height: h, YStride: stride, UVStride: stride, Y: make([]byte, stride*h), U: make([]byte, stride*2), V: make([]byte, stride*2)}
	for i := range p.Y {
		p.Y[i] = byte(i)
	}
	for i := range p.U {
		p.U[i], p.V[i] = byte(100+i), byte(200+i)
	}
	f := WrapFrame(p, nil)
	defer f.Release()
	f.PTS = 42
	c := f.Clone()
	defer c.Release()
	if c.PTS != 42 || c.YStride != w || c.UVStride != 3 || len(c.Y) != 15 || len(c.U) != 6 {
		t.Fatalf("clone %v of %d and %d bytes a row", c.PTS, c.YStride, c.UVStride)
	}
	for y := range h {
		for x := range w {
			if c.Y[y*w+x] != p.Y[y*stride+x] {
				t.Fatalf("luma at %d,%d", x, y)
			}
		}
	}
	if c.U[3] != p.U[stride] || c.V[5] != p.V[stride+2] {
		t.Error("chroma differs")
	}
	c.Y[0] = 99
	if p.Y[0] == 99 {
		t.Error("a clone shares its memory")
	}
}
