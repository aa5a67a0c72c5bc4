package testspeaker

import (
	"image"

	"livedub/media"
)

// Image returns a copy of f as the standard library's frame, to be written as PNG.
func Image(f *media.Frame) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	for y := range f.Height {
		for x := range f.Width {
			c := 1.164 * (float64(f.Y[y*f.YStride+x]) - 16)
			u, v := float64(f.U[y/2*f.UVStride+x/2])-128, float64(f.V[y/2*f.UVStride+x/2])-128
			i := out.PixOffset(x, y)
			out.Pix[i], out.Pix[i+1], out.Pix[i+2], out.Pix[i+3] = pixel(c+1.596*v), pixel(c-.392*u-.813*v), pixel(c+2.017*u), 255
		}
	}
	return out
}

func pixel(v float64) byte { return byte(min(255, max(0, v+.5))) }
