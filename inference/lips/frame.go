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
