package lips

import "livedub/media"

// frame is a frame, or a piece of one, to be read between pixels.
type frame struct {
	y, u, v plane
	x0, y0  float64 // place of the piece's corner in the frame, even
	scale   float64 // pixels of the piece per pixel of the frame
}

func frameOf(f *media.Frame) frame {
	cw, ch := (f.Width+1)/2, (f.Height+1)/2
	return frame{
		plane{f.Y, f.YStride, f.Width, f.Height},
		plane{f.U, f.UVStride, cw, ch},
		plane{f.V, f.UVStride, cw, ch},
		0, 0, 1,
	}
}

// at maps a place in the frame to the piece's luma plane.
func (f frame) at(x, y float64) (float64, float64) {
	return (x-f.x0+.5)*f.scale - .5, (y-f.y0+.5)*f.scale - .5
}

// luma reads the frame's place x, y.
func (f frame) luma(x, y float64) float32 {
	x, y = f.at(x, y)
	return f.y.linear(x, y)
}

// chroma reads U and V at the frame's place x, y, taking chroma samples to lie
// in the middle of the four pixels they colour.
func (f frame) chroma(x, y float64) (u, v float32) {
	x, y = f.at(x, y)
	x, y = x/2-.25, y/2-.25
	ix, iy := int(x), int(y)
	if x < 0 || y < 0 || ix >= f.u.w-1 || iy >= f.u.h-1 {
		return f.u.linear(x, y), f.v.linear(x, y)
	}
	// Both planes have one size: their place is worked out once.
	fx, fy := float32(x-float64(ix)), float32(y-float64(iy))
	o := iy*f.u.stride + ix
	return f.u.between(o, fx, fy), f.v.between(o, fx, fy)
}

// spotter reads what a frame looks like around places, roughly and fast: of
// brightness pixels as they are, none between them.
type spotter struct {
	frame
	dx, dy float64 // from a place to the pixels around it, in pixels of the piece
}

// spots returns a spotter for a face in the frame.
func (f frame) spots(p pose) spotter { return spotter{f, grain * p.c * f.scale, grain * p.s * f.scale} }

// spot returns the mean brightness of four pixels around the frame's place x, y,
// and the U and V there.
func (f *spotter) spot(x, y float64) [3]float32 {
	l := f.light(x, y)
	x, y = f.at(x, y)
	x, y = x/2-.25, y/2-.25 // as in chroma
	ix, iy := int(x), int(y)
	if x < 0 || y < 0 || ix >= f.u.w-1 || iy >= f.u.h-1 {
		return [3]float32{l, f.u.linear(x, y), f.v.linear(x, y)}
	}
	fx, fy, o := float32(x-float64(ix)), float32(y-float64(iy)), iy*f.u.stride+ix
	return [3]float32{l, f.u.between(o, fx, fy), f.v.between(o, fx, fy)}
}

// light returns the mean brightness of four pixels around the frame's place x, y.
func (f *spotter) light(x, y float64) float32 {
	x, y = (x-f.x0+.5)*f.scale, (y-f.y0+.5)*f.scale
	far := max(f.dx, -f.dx) + max(f.dy, -f.dy) + 1
	if x < far || y < far || x+far >= float64(f.y.w) || y+far >= float64(f.y.h) {
		return float32(f.pixel(x-f.dx, y-f.dy)+f.pixel(x+f.dx, y+f.dy)+f.pixel(x+f.dy, y-f.dx)+f.pixel(x-f.dy, y+f.dx)) / 4
	}
	b, stride := f.y.b, f.y.stride
	return float32(int(b[int(y-f.dy)*stride+int(x-f.dx)])+int(b[int(y+f.dy)*stride+int(x+f.dx)])+
		int(b[int(y-f.dx)*stride+int(x+f.dy)])+int(b[int(y+f.dx)*stride+int(x-f.dy)])) / 4
}

// pixel returns the brightness of the pixel that the piece's place lies in.
func (f *spotter) pixel(x, y float64) int {
	return int(f.y.b[clamp(int(y), 0, f.y.h-1)*f.y.stride+clamp(int(x), 0, f.y.w-1)])
}
