package testspeaker

import (
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"testing"

	"livedub/inference"
	"livedub/internal/testkit/testspeaker"
)

var update = flag.Bool("update", false, "make docs/img/lips.png anew")

// TestFrame makes the documentation's frame of the method: above what the
// camera saw, below the same frames with the dub's mouth, between them
// how far it was asked to open.
//
//	go test ./test/testspeaker -run Frame -update
func TestFrame(t *testing.T) {
	if !*update {
		t.Skip("makes docs/img/lips.png: run with -update")
	}
	const (
		w, h, columns = 184, 214, 7
		space, bar    = 6, 34
		every         = 5 // frames from one column to the next
	)
	sheet := image.NewRGBA(image.Rect(0, 0, columns*(w+space)+space, 2*h+bar+4*space))
	draw.Draw(sheet, sheet.Bounds(), image.White, image.Point{}, draw.Src)
	fill := func(r image.Rectangle, c color.Color) {
		draw.Draw(sheet, r, image.NewUniform(c), image.Point{}, draw.Src)
	}
	begin := 0
	show(t, 960, 540, 0, 10*fps, func(s shown) {
		// From the first lips of the dub that meet on, once the speaker's mouths are known.
		if begin == 0 && s.n > 6*fps && s.want.Close > .9 {
			begin = s.n
		}
		i := (s.n - begin) / every
		if begin == 0 || (s.n-begin)%every != 0 || i >= columns {
			return
		}
		if s.method != inference.Own {
			t.Errorf("frame %d: %v", s.n, s.method)
		}
		x := space + i*(w+space)
		mouth := image.Pt(int(s.drawn.MouthLeft.X+s.drawn.MouthRight.X)/2-w/2, int(s.drawn.Center.Y)-66)
		draw.Draw(sheet, image.Rect(x, space, x+w, space+h), testspeaker.Image(s.before), mouth, draw.Src)
		draw.Draw(sheet, image.Rect(x, 3*space+h+bar, x+w, 3*space+2*h+bar), testspeaker.Image(s.after), mouth, draw.Src)
		y, high := 2*space+h, int(s.want.Open*float64(bar)/.8+.5)
		fill(image.Rect(x, y, x+w, y+bar), color.RGBA{236, 240, 245, 255})
		fill(image.Rect(x+w/2-30, y+bar-min(bar, max(2, high)), x+w/2+30, y+bar), color.RGBA{31, 95, 174, 255})
	})
	out, err := os.Create("../../docs/img/lips.png")
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(out, sheet); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
