package badge

import (
	"slices"
	"testing"

	"go.uber.org/goleak"

	"livedub/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// grey returns a frame of one level, colourful so that a lost colour shows.
func grey(w, h int, level byte) *media.Frame {
	f := media.NewFrame(w, h)
	for i := range f.Y {
		f.Y[i] = level
	}
	for i := range f.U {
		f.U[i], f.V[i] = 90, 200
	}
	return f
}

// changed returns the box of the pixels that differ from level: x0, y0, x1, y1, all 0 for none.
func changed(f *media.Frame, level byte) (box [4]int) {
	for y := range f.Height {
		for x := range f.Width {
			if f.Y[y*f.YStride+x] == level {
				continue
			}
			if box == [4]int{} {
				box = [4]int{x, y, x, y}
			}
			box = [4]int{min(box[0], x), min(box[1], y), max(box[2], x), max(box[3], y)}
		}
	}
	return box
}

func TestBadgeStandsInItsCorner(t *testing.T) {
	for corner, side := range map[Corner][2]bool{ // right, bottom
		BottomRight: {true, true}, BottomLeft: {false, true}, TopRight: {true, false}, TopLeft: {false, false},
	} {
		for _, size := range [][2]int{{1280, 720}, {641, 361}, {320, 240}} {
			f := grey(size[0], size[1], 128)
			New(Config{corner, 4}).Draw(f)
			b := changed(f, 128)
			w, h := b[2]-b[0]+1, b[3]-b[1]+1
			if h < readable || h > max(readable, size[1]/20) || w < 4*h || w > 8*h {
				t.Errorf("%s at %v: %d by %d", corner, size, w, h)
			}
			if right, bottom := b[0]+b[2] > size[0], b[1]+b[3] > size[1]; right != side[0] || bottom != side[1] {
				t.Errorf("%s at %v stands at %v", corner, size, b)
			}
			if b[0] < h/4 || b[1] < h/4 || b[2] >= size[0]-h/4 || b[3] >= size[1]-h/4 {
				t.Errorf("%s at %v touches the border: %v", corner, size, b)
			}
			f.Release()
		}
	}
}

// TestBadgeIsReadable holds text against plate on any background, and video levels.
func TestBadgeIsReadable(t *testing.T) {
	for _, level := range []byte{16, 60, 128, 200, 235} {
		f := grey(640, 360, level)
		New(Config{BottomRight, 4}).Draw(f)
		low, high := slices.Min(f.Y), slices.Max(f.Y)
		if low < 16 || high > 235 {
			t.Errorf("on %d: levels %d to %d leave the limited range", level, low, high)
		}
		plate := int(.4*float64(level)+.6*16) + 1
		if high < 230 || int(low) > plate {
			t.Errorf("on %d: text %d on plate %d (want at most %d)", level, high, low, plate)
		}
		if level < 128 {
			if u := slices.Max(f.U); u > neutral || u < 105 { // pulled to grey, not away from it
				t.Errorf("on %d: U up to %d", level, u)
			}
			if v := slices.Min(f.V); v < neutral || v > 175 {
				t.Errorf("on %d: V down to %d", level, v)
			}
		}
		f.Release()
	}
}

func TestBadgeOfSmallFrames(t *testing.T) {
	b := New(Config{BottomRight, 4})
	for _, c := range []struct {
		w, h  int
		drawn bool
	}{{1, 1, false}, {2, 2, false}, {3, 200, false}, {200, 3, false}, {64, 48, true}, {65, 47, true}, {160, 96, true}, {7680, 4320, true}} {
		f := grey(c.w, c.h, 128)
		b.Draw(f)
		if drawn := changed(f, 128) != [4]int{}; drawn != c.drawn {
			t.Errorf("%dx%d: drawn %v", c.w, c.h, drawn)
		}
		f.Release()
	}
}

func TestBadgeLeavesTheRestAlone(t *testing.T) {
	for _, corner := range []Corner{Off, ""} {
		f := grey(640, 360, 77)
		New(Config{corner, 4}).Draw(f)
		if changed(f, 77) != [4]int{} {
			t.Errorf("%q draws", corner)
		}
		f.Release()
	}
	f, again := grey(640, 360, 77), grey(640, 360, 77)
	defer f.Release()
	defer again.Release()
	b := New(Config{TopLeft, 10})
	b.Draw(f)
	b.Draw(again)
	if !slices.Equal(f.Y, again.Y) || !slices.Equal(f.U, again.U) {
		t.Error("the badge differs from frame to frame")
	}
	box := changed(f, 77)
	for y := range (f.Height + 1) / 2 {
		for x := range (f.Width + 1) / 2 {
			inside := x >= box[0]/2 && x <= box[2]/2 && y >= box[1]/2 && y <= box[3]/2
			if c := f.U[y*f.UVStride+x]; c != 90 && !inside {
				t.Fatalf("colour changed at %d,%d, outside %v", 2*x, 2*y, box)
			}
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	f := grey(1280, 720, 128)
	defer f.Release()
	badge := New(Config{BottomRight, 4})
	for b.Loop() {
		badge.Draw(f)
	}
}
