package codec

import (
	"errors"
	"testing"
	"time"

	"livedub/media"
)

func TestShaperSizes(t *testing.T) {
	noLeaks(t)
	for _, c := range []struct {
		in         size
		turn       int
		aspect     float64
		maxW, maxH int
		want       size
	}{
		{size{1280, 720}, 0, 1, 1280, 720, size{1280, 720}},
		{size{1920, 1080}, 0, 0, 1280, 720, size{1280, 720}},
		{size{1080, 1920}, 0, 1, 1280, 720, size{720, 1280}},
		{size{1920, 1080}, 90, 1, 1280, 720, size{720, 1280}},
		{size{720, 576}, 0, 64.0 / 45, 1280, 720, size{1024, 576}},
		{size{720, 576}, 0, 16.0 / 15, 1280, 720, size{768, 576}},
		{size{640, 480}, 0, 0.5, 1280, 1280, size{640, 960}},
		{size{481, 271}, 0, 1, 1280, 720, size{480, 270}},
		{size{481, 271}, 270, 1, 1280, 720, size{270, 480}},
		{size{2000, 500}, 180, 1, 1280, 720, size{1280, 320}},
		{size{4, 4}, 0, 1, 1280, 720, size{16, 16}},
		{size{4000, 10}, 0, 1, 1280, 720, size{1280, 16}},
		{size{320, 240}, 45, 1000, 1280, 720, size{320, 240}},
	} {
		s := NewShaper(media.Track{Rotation: c.turn, PixelAspect: c.aspect}, c.maxW, c.maxH)
		defer s.Close()
		f := paint(c.in.w, c.in.h, 1)
		f.PTS = 77 * time.Millisecond
		out, err := s.Shape(f)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if (size{out.Width, out.Height}) != c.want || out.PTS != 77*time.Millisecond {
			t.Errorf("%+v gave %dx%d at %v", c, out.Width, out.Height, out.PTS)
		}
		out.Release()
	}
}

func TestShaperLeavesWhatFits(t *testing.T) {
	noLeaks(t)
	s := NewShaper(media.Track{}, 1280, 720)
	defer s.Close()
	f := paint(640, 480, 0)
	defer f.Release()
	if out := must[*media.Frame](t)(s.Shape(f)); out != f {
		t.Error("a frame that fits was touched")
	}
}

// quadrants paints each quarter of a frame in its own grey: 40 80 / 120 160.
func quadrants(w, h int) *media.Frame {
	f := media.NewFrame(w, h)
	for y := range h {
		for x := range w {
			v := 40
			if x >= w/2 {
				v += 40
			}
			if y >= h/2 {
				v += 80
			}
			f.Y[y*f.YStride+x] = byte(v)
			f.U[y/2*f.UVStride+x/2], f.V[y/2*f.UVStride+x/2] = byte(v), byte(255-v)
		}
	}
	return f
}

// corners returns the grey of the four quarters of r's rectangle in f, reading order.
func corners(t *testing.T, f *media.Frame, x, y, w, h int) (out [4]byte) {
	t.Helper()
	for i := range out {
		px, py := x+w/4+i%2*w/2, y+h/4+i/2*h/2
		out[i] = f.Y[py*f.YStride+px]
		u, v := f.U[py/2*f.UVStride+px/2], f.V[py/2*f.UVStride+px/2]
		if u != out[i] || v != 255-u {
			t.Errorf("quarter %d: colours %d %d beside grey %d", i, u, v, out[i])
		}
	}
	return out
}

func TestShaperTurns(t *testing.T) {
	noLeaks(t)
	for turn, want := range map[int][4]byte{
		0: {40, 80, 120, 160}, 90: {120, 40, 160, 80}, 180: {160, 120, 80, 40}, 270: {80, 160, 40, 120},
	} {
		for _, bounds := range []int{640, 160} { // as it is, and scaled
			s := NewShaper(media.Track{Rotation: turn}, bounds, bounds)
			defer s.Close()
			out := must[*media.Frame](t)(s.Shape(quadrants(320, 200)))
			if got := corners(t, out, 0, 0, out.Width, out.Height); got != want {
				t.Errorf("turned by %d: %v, want %v", turn, got, want)
			}
			if turned := out.Width < out.Height; turned != (turn%180 != 0) {
				t.Errorf("turned by %d: %dx%d", turn, out.Width, out.Height)
			}
			out.Release()
		}
	}
}

func TestShaperFixes(t *testing.T) {
	noLeaks(t)
	s := NewShaper(media.Track{}, 1280, 720)
	defer s.Close()
	s.Fix(640, 360)
	for _, c := range []struct{ in, place size }{
		{size{640, 360}, size{640, 360}},
		{size{320, 180}, size{640, 360}},
		{size{360, 640}, size{202, 360}},
		{size{800, 200}, size{640, 160}},
	} {
		out := must[*media.Frame](t)(s.Shape(quadrants(c.in.w, c.in.h)))
		if out.Width != 640 || out.Height != 360 {
			t.Errorf("%v gave %dx%d", c.in, out.Width, out.Height)
		}
		x, y := (640-c.place.w)/4*2, (360-c.place.h)/4*2
		if got := corners(t, out, x, y, c.place.w, c.place.h); got != [4]byte{40, 80, 120, 160} {
			t.Errorf("%v: %v", c.in, got)
		}
		for py := range 360 {
			for px := range 640 {
				inside := px >= x && px < x+c.place.w && py >= y && py < y+c.place.h
				if got := out.Y[py*out.YStride+px]; !inside && got != 16 {
					t.Fatalf("%v: the bar at %d,%d is %d", c.in, px, py, got)
				}
			}
		}
		out.Release()
	}
}

func TestClosedShaper(t *testing.T) {
	noLeaks(t)
	s := NewShaper(media.Track{Rotation: 90}, 640, 640)
	out := must[*media.Frame](t)(s.Shape(quadrants(64, 32)))
	s.Close()
	s.Close()
	if got := corners(t, out, 0, 0, 32, 64); got[0] != 120 {
		t.Errorf("after Close: %v", got)
	}
	out.Release()
	if _, err := s.Shape(quadrants(64, 32)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// corner is a frame whose four quarters are 40, 80, 120 and 160 bright, row by row.
func corner(w, h int) *media.Frame {
	f := media.NewFrame(w, h)
	fill(f.Planes, 0)
	for y := range h {
		for x := range w {
			f.Y[y*f.YStride+x] = byte(40 + 40*(x*2/w) + 80*(y*2/h))
		}
	}
	return f
}

func TestShaperMirrors(t *testing.T) {
	noLeaks(t)
	for turn, want := range map[int][4]byte{ // of the quarters, row by row
		0: {80, 40, 160, 120}, 90: {160, 80, 120, 40}, 180: {120, 160, 40, 80}, 270: {40, 120, 80, 160},
	} {
		for _, limit := range []int{640, 64} { // as large as it is, and smaller
			s := NewShaper(media.Track{Rotation: turn, Mirrored: true}, limit, limit)
			defer s.Close()
			out := must[*media.Frame](t)(s.Shape(corner(128, 96)))
			for i, w := range want {
				if got := out.Y[(out.Height/4+i/2*out.Height/2)*out.YStride+out.Width/4+i%2*out.Width/2]; got != w {
					t.Errorf("turned by %d, %dx%d: quarter %d is %d, want %d", turn, out.Width, out.Height, i, got, w)
				}
			}
			out.Release()
		}
	}
}

// TestShaperFollowsTheAspect: a broadcast goes from 4:3 to 16:9 and back in frames of one size.
func TestShaperFollowsTheAspect(t *testing.T) {
	noLeaks(t)
	s := NewShaper(media.Track{PixelAspect: 16.0 / 15}, 1280, 720)
	defer s.Close()
	for _, c := range []struct {
		aspect float64
		want   size
	}{{0, size{768, 576}}, {64.0 / 45, size{1024, 576}}, {0, size{768, 576}}} {
		f := paint(720, 576, 0)
		f.PixelAspect = c.aspect
		out := must[*media.Frame](t)(s.Shape(f))
		if got := (size{out.Width, out.Height}); got != c.want {
			t.Errorf("pixels of %g: %v, want %v", c.aspect, got, c.want)
		}
		out.Release()
	}
}
