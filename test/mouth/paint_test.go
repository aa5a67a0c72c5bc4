package mouth

import (
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"livedub/inference"
	"livedub/internal/testkit/testspeaker"
	"livedub/media"
)

// blank returns a wall with some pattern, as behind a speaker.
func blank(w, h int, at time.Duration) *media.Frame {
	f := media.NewFrame(w, h)
	f.PTS = at
	across := make([]float64, w)
	for x := range across {
		across[x] = 95 + 20*math.Sin(float64(x)/37)
	}
	for y := range h {
		down := 15 * math.Cos(float64(y)/23)
		for x, v := range across {
			f.Y[y*f.YStride+x] = byte(v + down)
		}
	}
	fill(f.U, 134)
	fill(f.V, 122)
	return f
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

// paste puts src into dst, where p puts it, within the ellipse of a face if that is given.
func paste(dst, src *media.Frame, p placed, only *inference.Face) {
	var round func(x, y float64) bool
	if only != nil {
		f := p.face(*only)
		round = func(x, y float64) bool {
			x, y = (x-f.Center.X)/(.62*f.Size), (y-f.Center.Y)/(.85*f.Size)
			return x*x+y*y < 1
		}
	}
	n := max(1, min(4, int(1/p.scale+.5))) // samples a pixel, each way
	plane := func(d []byte, ds, dw, dh int, s []byte, ss, sw, sh int, k float64) {
		from := func(x, y float64) (float64, float64) {
			q := p.in(inference.Point{X: (x+.5)*k - .5, Y: (y+.5)*k - .5})
			return (q.X+.5)/k - .5, (q.Y+.5)/k - .5
		}
		u0, v0 := from(0, 0)
		ux, vx := from(1, 0)
		uy, vy := from(0, 1)
		ux, vx, uy, vy = ux-u0, vx-v0, uy-u0, vy-v0
		for y := range dh {
			for x := range dw {
				u, v := u0+ux*float64(x)+uy*float64(y), v0+vx*float64(x)+vy*float64(y)
				if u < -.5 || v < -.5 || u > float64(sw)-.5 || v > float64(sh)-.5 || round != nil && !round(float64(x)*k, float64(y)*k) {
					continue
				}
				var sum float64
				for i := range n * n {
					ox, oy := (float64(i%n)+.5)/float64(n)-.5, (float64(i/n)+.5)/float64(n)-.5
					sum += linear(s, ss, sw, sh, u+ux*ox+uy*oy, v+vx*ox+vy*oy)
				}
				d[y*ds+x] = byte(sum/float64(n*n) + .5)
			}
		}
	}
	plane(dst.Y, dst.YStride, dst.Width, dst.Height, src.Y, src.YStride, src.Width, src.Height, 1)
	plane(dst.U, dst.UVStride, dst.Width/2, dst.Height/2, src.U, src.UVStride, src.Width/2, src.Height/2, 2)
	plane(dst.V, dst.UVStride, dst.Width/2, dst.Height/2, src.V, src.UVStride, src.Width/2, src.Height/2, 2)
}

func linear(b []byte, stride, w, h int, x, y float64) float64 {
	x, y = min(max(x, 0), float64(w-1)-1e-6), min(max(y, 0), float64(h-1)-1e-6)
	ix, iy := int(x), int(y)
	i, u, v := iy*stride+ix, x-float64(ix), y-float64(iy)
	return (float64(b[i])*(1-u)+float64(b[i+1])*u)*(1-v) + (float64(b[i+stride])*(1-u)+float64(b[i+stride+1])*u)*v
}

// sized returns src at w by h pixels with the face where p puts it.
func sized(src *media.Frame, w, h int, p placed, at time.Duration) *media.Frame {
	f := blank(w, h, at)
	paste(f, src, p, nil)
	return f
}

// again returns a copy of f with time at.
func again(f *media.Frame, at time.Duration) *media.Frame {
	f = f.Clone()
	f.PTS = at
	return f
}

// noise overwrites a rectangle with noise in blocks of n pixels.
func noise(f *media.Frame, r image.Rectangle, n int, rng *rand.Rand) {
	r = r.Intersect(image.Rect(0, 0, f.Width, f.Height))
	for y := r.Min.Y; y < r.Max.Y; y += n {
		for x := r.Min.X; x < r.Max.X; x += n {
			v, u, w := byte(rng.IntN(256)), byte(rng.IntN(256)), byte(rng.IntN(256))
			for j := y; j < min(y+n, r.Max.Y); j++ {
				for i := x; i < min(x+n, r.Max.X); i++ {
					f.Y[j*f.YStride+i] = v
					f.U[j/2*f.UVStride+i/2], f.V[j/2*f.UVStride+i/2] = u, w
				}
			}
		}
	}
}

// around returns the box of a face.
func around(f inference.Face, part float64) image.Rectangle {
	r := int(part * f.Size)
	return image.Rect(int(f.Center.X)-r, int(f.Center.Y)-r, int(f.Center.X)+r, int(f.Center.Y)+r)
}

var look = flag.String("look", "", "write frames to look at to this directory, which must lie outside of the repository")

// sheet collects frames to look at: what came above what left.
type sheet struct {
	t    *testing.T
	cols []image.Image
}

// newSheet returns a sheet that is written at the end of the test if that was asked for.
func newSheet(t *testing.T) *sheet {
	s := &sheet{t: t}
	if *look != "" {
		t.Cleanup(s.write)
	}
	return s
}

// add adds a frame, or the part of it in r.
func (s *sheet) add(p shown, r image.Rectangle) {
	if *look == "" {
		return
	}
	if r.Empty() {
		r = image.Rect(0, 0, p.before.Width, p.before.Height)
	}
	out := image.NewRGBA(image.Rect(0, 0, r.Dx(), 2*r.Dy()+4))
	draw.Draw(out, image.Rect(0, 0, r.Dx(), r.Dy()), testspeaker.Image(p.before), r.Min, draw.Src)
	draw.Draw(out, image.Rect(0, r.Dy()+4, r.Dx(), 2*r.Dy()+4), testspeaker.Image(p.after), r.Min, draw.Src)
	s.cols = append(s.cols, out)
}

func (s *sheet) write() {
	w, h := 0, 0
	for _, c := range s.cols {
		w, h = w+c.Bounds().Dx()+4, max(h, c.Bounds().Dy())
	}
	if w == 0 {
		return
	}
	all := image.NewRGBA(image.Rect(0, 0, w, h))
	x := 0
	for _, c := range s.cols {
		draw.Draw(all, c.Bounds().Add(image.Pt(x, 0)), c, image.Point{}, draw.Src)
		x += c.Bounds().Dx() + 4
	}
	name := strings.NewReplacer("/", "-", " ", "_", ",", "").Replace(s.t.Name())
	out, err := os.Create(filepath.Join(*look, fmt.Sprintf("%s.png", name)))
	if err == nil {
		err = png.Encode(out, all)
		out.Close()
	}
	if err != nil {
		s.t.Error(err)
	}
}
