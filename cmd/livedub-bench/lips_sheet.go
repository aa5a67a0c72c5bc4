package main

import (
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"

	"livedub/internal/bench/lipseval"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
)

// lipsCrop is the lower face of a frame, before and after.
type lipsCrop struct{ src, made *media.Frame }

// keepCrop keeps the lower face of a frame.
func (r *lipsRun) keepCrop(src, made *media.Frame, eyes lipseval.Eyes) {
	d := eyes.Distance()
	x, y := (eyes.Left.X+eyes.Right.X)/2, (eyes.Left.Y+eyes.Right.Y)/2
	side := int(1.9*d) &^ 1
	x0, y0 := int(x-.95*d)&^1, int(y+.15*d)&^1
	cut := func(f *media.Frame) *media.Frame {
		x0, y0 := min(max(x0, 0), max(f.Width-side, 0))&^1, min(max(y0, 0), max(f.Height-side, 0))&^1
		p := f.Planes
		p.Width, p.Height = min(side, f.Width-x0), min(side, f.Height-y0)
		p.Y, p.U, p.V = p.Y[y0*p.YStride+x0:], p.U[y0/2*p.UVStride+x0/2:], p.V[y0/2*p.UVStride+x0/2:]
		part := media.WrapFrame(p, nil)
		defer part.Release()
		return part.Clone()
	}
	r.crops = append(r.crops, lipsCrop{cut(src), cut(made)})
}

var (
	targetColour   = color.RGBA{0, 150, 60, 255}
	estimateColour = color.RGBA{220, 60, 30, 255}
	paper          = color.RGBA{250, 250, 248, 255}
)

// moments returns the frames that a sheet shows: widest, closed, rounded,
// those where target and estimate differ the most, others.
func (r *lipsRun) moments() []int {
	var out []int
	take := func(n int, order []int) {
		for _, i := range order {
			if n == 0 {
				return
			}
			near := slices.ContainsFunc(out, func(j int) bool { return max(i-j, j-i) < 12 })
			if !near && r.crops[i].src != nil && !math.IsNaN(r.height[i]) {
				out = append(out, i)
				n--
			}
		}
	}
	by := func(v []float64, sign float64) []int {
		order := make([]int, len(v))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sign*v[a], sign*v[b]) })
		return order
	}
	take(3, by(r.targetHeight, -1))
	take(2, r.touches())
	take(2, by(r.targetWidth, 1))
	var apart []float64
	for i, h := range r.height {
		apart = append(apart, math.Abs(h-r.targetHeight[i]))
	}
	take(2, by(apart, -1))
	// Any others: a stride that shares no factor with the length visits all.
	var any []int
	for i := range r.crops {
		any = append(any, (i*197+61)%len(r.crops))
	}
	take(1, any)
	return out
}

// writeSheets draws what there is to see of a run.
func (r *lipsRun) writeSheets(name string) error {
	err := r.writeSheet(filepath.Join(r.b.sheet, name+".png"))
	if err == nil {
		err = r.writeTorn(filepath.Join(r.b.sheet, name+".torn.png"))
	}
	if err != nil {
		return fmt.Errorf("%w: choose another folder with --sheet", err)
	}
	return nil
}

// writeSheet draws moments of the clip, source above and dub below at full
// size, target (green) and estimate (red) as bars: height upwards at the left,
// width along the bottom, one distance between the eyes as long as in the
// frame. Below run both over the whole time, height and then width.
func (r *lipsRun) writeSheet(path string) error {
	shown := r.moments()
	side := 0
	for _, i := range shown {
		side = max(side, r.crops[i].src.Width, r.crops[i].src.Height)
	}
	const gap, chart = 6, 140
	cell := side + gap
	w := max(len(shown)*cell, 1000)
	sheet := image.NewRGBA(image.Rect(0, 0, w, 2*cell+2*(chart+gap)))
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	unit := float64(side) / 1.9
	for k, i := range shown {
		x, c := k*cell, r.crops[i]
		for row, f := range []*media.Frame{c.src, c.made} {
			at := image.Rect(x, row*cell, x+f.Width, row*cell+f.Height)
			draw.Draw(sheet, at, testspeaker.Image(f), image.Point{}, draw.Src)
		}
		base := 2*cell - gap
		for j, v := range []struct {
			height, width float64
			c             color.RGBA
		}{{r.targetHeight[i], r.targetWidth[i], targetColour}, {r.height[i], r.width[i], estimateColour}} {
			bar(sheet, image.Rect(x+2+5*j, base-length(v.height*unit, side), x+6+5*j, base), v.c)
			bar(sheet, image.Rect(x+14, base-6+3*j, x+14+length(v.width*unit, side-14), base-4+3*j), v.c)
		}
	}
	top := 2 * cell
	for _, s := range []struct {
		target, estimate []float64
		low, high        float64
	}{{r.targetHeight, r.height, -.02, .45}, {r.targetWidth, r.width, .4, 1.2}} {
		for k, v := range [][]float64{s.target, s.estimate} {
			curve(sheet, image.Rect(0, top, w, top+chart), v, s.low, s.high, []color.RGBA{targetColour, estimateColour}[k])
		}
		top += chart + gap
	}
	for _, i := range r.touches() { // where lips must touch
		x := i * w / max(1, len(r.height))
		bar(sheet, image.Rect(x, 2*cell+chart-5, x+2, 2*cell+chart), color.RGBA{60, 60, 200, 255})
	}
	return writePNG(path, sheet)
}

func writePNG(path string, m image.Image) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = png.Encode(f, m)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

func length(v float64, most int) int {
	if math.IsNaN(v) {
		return 0
	}
	return int(min(max(v, 1), float64(most)))
}

func bar(m *image.RGBA, r image.Rectangle, c color.RGBA) {
	draw.Draw(m, r, image.NewUniform(c), image.Point{}, draw.Src)
}

// curve draws a series from the left of r to its right; what is unknown is a gap.
func curve(m *image.RGBA, r image.Rectangle, v []float64, low, high float64, c color.RGBA) {
	for x := r.Min.X; x < r.Max.X; x++ {
		at := float64(x-r.Min.X) / float64(r.Dx()) * float64(len(v)-1)
		i := int(at)
		if i+1 >= len(v) {
			return
		}
		y := v[i] + (v[i+1]-v[i])*(at-float64(i))
		if math.IsNaN(y) {
			continue
		}
		row := r.Max.Y - 2 - int(min(max((y-low)/(high-low), 0), 1)*float64(r.Dy()-3))
		bar(m, image.Rect(x, row, x+1, row+2), c)
	}
}
