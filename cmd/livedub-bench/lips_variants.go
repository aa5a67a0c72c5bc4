package main

import (
	"math"
	"math/rand/v2"

	"livedub/inference"
	"livedub/internal/bench/lipseval"
	"livedub/media"
	"livedub/media/codec"
)

// lipsVariant is a clip in another light, or coded worse.
type lipsVariant struct {
	name   string
	within float64 // how much less its mouths may follow than the plain clip's
	same   bool    // colours are the plain clip's
	change func(b *lipsBench, c *lipsClip) ([]*media.Frame, error)
	eyes   func(e lipseval.Eyes, width int) lipseval.Eyes // where they are then; nil: where they were
}

// How much less a variant's mouths may follow than the plain clip's.
const lightAllowed, damageAllowed = .04, .10

// lipsVariants are all of them; the plain clip comes first.
func lipsVariants() []lipsVariant {
	each := func(change func(dst, src *media.Frame)) func(*lipsBench, *lipsClip) ([]*media.Frame, error) {
		return func(_ *lipsBench, c *lipsClip) ([]*media.Frame, error) {
			var out []*media.Frame
			for _, f := range c.frames {
				g := f.Clone()
				change(g, f)
				out = append(out, g)
			}
			return out, nil
		}
	}
	return []lipsVariant{
		{name: "plain", same: true, change: each(func(_, _ *media.Frame) {})},
		{name: "gamma-0.6", within: lightAllowed, change: each(luma(func(v float64) float64 { return math.Pow(v, 1/.6) }))},
		{name: "gamma-1.6", within: lightAllowed, change: each(luma(func(v float64) float64 { return math.Pow(v, 1/1.6) }))},
		{name: "contrast-0.6", within: lightAllowed, change: each(luma(func(v float64) float64 { return .5 + .6*(v-.5) }))},
		{name: "grey", within: lightAllowed, change: each(func(dst, _ *media.Frame) {
			for i := range dst.U {
				dst.U[i], dst.V[i] = 128, 128
			}
		})},
		{name: "blue", within: lightAllowed, change: each(cast(.12, -.10))},
		{name: "red", within: lightAllowed, change: each(cast(-.08, .10))},
		{name: "mirrored", within: lightAllowed, same: true, change: each(mirror), eyes: mirroredEyes},
		{name: "noise", within: damageAllowed, change: lowLight},
		{name: "300k", within: damageAllowed, change: poorlyCoded},
		{name: "half", within: damageAllowed, change: halved, eyes: halvedEyes},
	}
}

// luma changes luma alone, black 0 and white 1.
func luma(change func(float64) float64) func(dst, src *media.Frame) {
	var table [256]byte
	for i := range table {
		table[i] = sample(16 + 219*change(min(max((float64(i)-16)/219, 0), 1)))
	}
	return func(dst, _ *media.Frame) {
		for i, v := range dst.Y {
			dst.Y[i] = table[v]
		}
	}
}

func sample(v float64) byte { return byte(min(max(v, 0), 255) + .5) }

// cast moves both chroma planes by a share of the luma that they colour, as coloured light does.
func cast(u, v float64) func(dst, src *media.Frame) {
	return func(dst, src *media.Frame) {
		for y := range src.Height / 2 {
			for x := range src.Width / 2 {
				i, j := 2*y*src.YStride+2*x, y*src.UVStride+x
				light := float64(int(src.Y[i])+int(src.Y[i+1])+int(src.Y[i+src.YStride])+int(src.Y[i+src.YStride+1]))/4 - 16
				dst.U[j], dst.V[j] = sample(float64(src.U[j])+u*light), sample(float64(src.V[j])+v*light)
			}
		}
	}
}

func mirror(dst, src *media.Frame) {
	flip := func(d, s []byte, dstStride, srcStride, w, h int) {
		for y := range h {
			for x := range w {
				d[y*dstStride+x] = s[y*srcStride+w-1-x]
			}
		}
	}
	flip(dst.Y, src.Y, dst.YStride, src.YStride, src.Width, src.Height)
	flip(dst.U, src.U, dst.UVStride, src.UVStride, (src.Width+1)/2, (src.Height+1)/2)
	flip(dst.V, src.V, dst.UVStride, src.UVStride, (src.Width+1)/2, (src.Height+1)/2)
}

func mirroredEyes(e lipseval.Eyes, width int) lipseval.Eyes {
	last := float64(width - 1)
	return lipseval.Eyes{
		Left:  inference.Point{X: last - e.Right.X, Y: e.Right.Y},
		Right: inference.Point{X: last - e.Left.X, Y: e.Left.Y},
	}
}

// lowLight takes half the light away, and adds the noise of a sensor that has
// little; the same in every run, another in every frame of the clip.
func lowLight(_ *lipsBench, c *lipsClip) ([]*media.Frame, error) {
	random := rand.New(rand.NewPCG(17, 3))
	var noise [1 << 16]float64
	for i := range noise {
		noise[i] = random.NormFloat64()
	}
	at := 0
	dark := func(plane []byte, black, sigma float64) {
		at = random.IntN(len(noise))
		for i, v := range plane {
			plane[i] = sample(black + .5*(float64(v)-black) + sigma*noise[at])
			if at++; at == len(noise) {
				at = random.IntN(len(noise) / 2)
			}
		}
	}
	var out []*media.Frame
	for _, f := range c.frames {
		g := f.Clone()
		dark(g.Y, 16, 5)
		dark(g.U, 128, 2.5)
		dark(g.V, 128, 2.5)
		out = append(out, g)
	}
	return out, nil
}

// poorlyCoded encodes and decodes the clip at 300 kbit/s.
func poorlyCoded(b *lipsBench, c *lipsClip) (out []*media.Frame, err error) {
	defer func() {
		if err != nil {
			releaseAll(out)
			out = nil
		}
	}()
	first := c.frames[0]
	cfg := b.frame.Encoder(media.H264, first.Width, first.Height, c.fps)
	cfg.Bitrate, cfg.Hardware = 300_000, "off"
	enc, err := codec.NewVideoEncoder(cfg)
	if err != nil {
		return nil, err
	}
	defer enc.Close()
	dec, err := codec.NewVideoDecoder(enc.Track())
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	keep := func(frames []*media.Frame) {
		for _, f := range frames { // a decoder has few frames of its own to lend
			out = append(out, f.Clone())
			f.Release()
		}
	}
	for i := range c.frames {
		f := c.at(i)
		p, err := enc.Encode(f, i == 0)
		f.Release()
		if err != nil {
			return out, err
		}
		frames, err := dec.Decode(p)
		if err != nil {
			return out, err
		}
		keep(frames)
	}
	rest, err := dec.Flush()
	keep(rest)
	return out, err
}

// halved averages four pixels each.
func halved(_ *lipsBench, c *lipsClip) ([]*media.Frame, error) {
	var out []*media.Frame
	for _, f := range c.frames {
		g := media.NewFrame(f.Width/4*2, f.Height/4*2)
		g.Color, g.PixelAspect = f.Color, f.PixelAspect
		half := func(dst, src []byte, dstStride, srcStride, w, h int) {
			for y := range h {
				for x := range w {
					i := 2*y*srcStride + 2*x
					dst[y*dstStride+x] = byte((int(src[i]) + int(src[i+1]) + int(src[i+srcStride]) + int(src[i+srcStride+1]) + 2) / 4)
				}
			}
		}
		half(g.Y, f.Y, g.YStride, f.YStride, g.Width, g.Height)
		half(g.U, f.U, g.UVStride, f.UVStride, g.Width/2, g.Height/2)
		half(g.V, f.V, g.UVStride, f.UVStride, g.Width/2, g.Height/2)
		out = append(out, g)
	}
	return out, nil
}

func halvedEyes(e lipseval.Eyes, _ int) lipseval.Eyes {
	half := func(p inference.Point) inference.Point { return inference.Point{X: p.X/2 - .25, Y: p.Y/2 - .25} }
	return lipseval.Eyes{Left: half(e.Left), Right: half(e.Right)}
}

func releaseAll(frames []*media.Frame) {
	for _, f := range frames {
		f.Release()
	}
}
