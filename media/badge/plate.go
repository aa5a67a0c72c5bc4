package badge

import (
	"image"
	"math"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Limited-range levels of the plate and its text, and how dark the plate is.
const (
	black   = 16
	white   = 235
	neutral = 128
	opacity = .6
)

// plate is the badge ready to be blended into frames of one size.
type plate struct{ luma, chroma layer }

// layer is one plane's part of the plate: a pixel v becomes (v*keep + add) / 256.
type layer struct {
	w, h      int
	keep, add []uint16
}

// blend puts the layer into a plane of the given stride with its corner at x, y.
func (l layer) blend(plane []byte, stride, x, y int) {
	for row := range l.h {
		out := plane[(y+row)*stride+x:][:l.w]
		keep, add := l.keep[row*l.w:][:l.w], l.add[row*l.w:][:l.w]
		for i, v := range out {
			out[i] = byte((uint16(v)*keep[i] + add[i]) >> 8)
		}
	}
}

var parsed = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(gomedium.TTF) })

// newPlate returns the plate for frames of w by h pixels, nil where none fits.
func newPlate(w, h int, percent float64) *plate {
	height := even(max(readable, int(math.Round(float64(h)*percent/100))))
	for ; height >= least; height -= 2 {
		p := draw(height)
		if p == nil {
			return nil
		}
		if margin := even(height / 2); p.luma.w+margin <= w && p.luma.h+margin <= h {
			return p
		}
	}
	return nil
}

// draw makes a plate of the given even height, nil if the font fails.
func draw(height int) *plate {
	f, err := parsed()
	if err != nil {
		return nil
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: .66 * float64(height), DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil
	}
	defer face.Close()
	text := font.MeasureString(face, Text)
	width := even(text.Ceil() + int(.8*float64(height)) + 1)
	mask := image.NewAlpha(image.Rect(0, 0, width, height))
	capital := face.Metrics().CapHeight
	d := font.Drawer{Dst: mask, Src: image.Opaque, Face: face, Dot: fixed.Point26_6{
		X: (fixed.I(width) - text) / 2,
		Y: fixed.I(((fixed.I(height) + capital) / 2).Round()), // capitals stand in the middle, on a whole row
	}}
	d.DrawString(Text)

	p := &plate{newLayer(width, height), newLayer(width/2, height/2)}
	var cover [4]float64
	for y := 0; y < height; y += 2 {
		for x := 0; x < width; x += 2 {
			for i := range cover {
				x, y := x+i%2, y+i/2
				glyph := float64(mask.AlphaAt(x, y).A) / 255
				dark := opacity * rounded(float64(x)+.5, float64(y)+.5, float64(width), float64(height)) * (1 - glyph)
				cover[i] = glyph + dark
				p.luma.set(x, y, cover[i], glyph*white+dark*black)
			}
			mean := (cover[0] + cover[1] + cover[2] + cover[3]) / 4
			p.chroma.set(x/2, y/2, mean, mean*neutral)
		}
	}
	return p
}

func newLayer(w, h int) layer { return layer{w, h, make([]uint16, w*h), make([]uint16, w*h)} }

// set makes a pixel whose share cover is replaced by what value adds.
func (l layer) set(x, y int, cover, value float64) {
	keep := math.Round(256 * (1 - cover))
	l.keep[y*l.w+x] = uint16(keep)
	l.add[y*l.w+x] = uint16(math.Round(256*value)) + 128*uint16(min(1, 256-keep)) // the half rounds; an untouched pixel needs none
}

// rounded returns how much of the pixel at x, y lies on a plate of w by h with round corners.
func rounded(x, y, w, h float64) float64 {
	r := h / 4
	dx := max(0, math.Abs(x-w/2)-(w/2-r))
	dy := max(0, math.Abs(y-h/2)-(h/2-r))
	return min(1, max(0, r+.5-math.Hypot(dx, dy)))
}
