package codec

import (
	"math"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noLeaks fails the test if it ends with more frames alive than it began with.
func noLeaks(t testing.TB) {
	t.Helper()
	before := media.LiveFrames()
	t.Cleanup(func() {
		if n := media.LiveFrames() - before; n != 0 {
			t.Errorf("%d frames were not released", n)
		}
	})
}

func releaseAll(frames []*media.Frame) {
	for _, f := range frames {
		f.Release()
	}
}

// paint returns frame n of a moving pattern that no two frames share.
func paint(w, h, n int) *media.Frame {
	f := media.NewFrame(w, h)
	wave := func(i int, scale, phase float64) float64 { return math.Sin(float64(i)/scale + phase) }
	t := float64(n)
	columns, rows := make([]float64, w), make([]float64, h)
	for x := range columns {
		columns[x] = 50 * wave(x, 17, t/3)
	}
	for y := range rows {
		rows[y] = 50 * wave(y, 11, -t/4)
	}
	for y := range h {
		for x := range w {
			f.Y[y*f.YStride+x] = byte(126 + columns[x] + rows[y])
		}
	}
	for y := range (h + 1) / 2 {
		for x := range (w + 1) / 2 {
			f.U[y*f.UVStride+x] = byte(128 + columns[2*x%w]/2)
			f.V[y*f.UVStride+x] = byte(128 + rows[2*y%h]/2)
		}
	}
	return f
}

// psnr compares all three planes, in dB.
func psnr(a, b media.Planes) float64 {
	if a.Width != b.Width || a.Height != b.Height {
		return 0
	}
	var sum, n float64
	plane := func(a []byte, as int, b []byte, bs, w, h int) {
		for y := range h {
			for x := range w {
				d := float64(a[y*as+x]) - float64(b[y*bs+x])
				sum += d * d
			}
		}
		n += float64(w * h)
	}
	plane(a.Y, a.YStride, b.Y, b.YStride, a.Width, a.Height)
	plane(a.U, a.UVStride, b.U, b.UVStride, (a.Width+1)/2, (a.Height+1)/2)
	plane(a.V, a.UVStride, b.V, b.UVStride, (a.Width+1)/2, (a.Height+1)/2)
	if sum == 0 {
		return 100
	}
	return 10 * math.Log10(255*255*n/sum)
}

func near(got, want, slack time.Duration) bool { return abs(got-want) <= slack }

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// framePTS is the time of frame n at 30 per second, off zero and off any round number.
func framePTS(n int) time.Duration {
	return 1234567891*time.Nanosecond + time.Duration(n)*time.Second/30
}
