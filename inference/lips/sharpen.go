package lips

// crisp returns how strongly the new mouth is to be sharpened, below 0 softened,
// so that it looks as sharp as the frame: by how sharp both noses are, and a
// little for what resampling takes away.
func crisp(own, new float64) float32 {
	const resampled = .2
	q := own / max(new, 1e-6)
	return float32(min(max(.8*(q-1), -.7), .05) + resampled)
}

// sharpen adds to the new mouth's brightness, as far as it covers, strength
// times what sets each pixel apart from those around it.
func (p *paste) sharpen(cover []byte, strength float32) {
	w := p.rect.Dx()
	above, here := make([]byte, w), make([]byte, w) // as painted
	row := func(y int) []byte { return p.dst.Y[y*p.dst.YStride+p.rect.Min.X:][:w] }
	copy(above, row(p.rect.Min.Y))
	for y := p.rect.Min.Y + 1; y < p.rect.Max.Y-1; y++ {
		out, below := row(y), row(y+1)
		copy(here, out)
		c := cover[(y-p.rect.Min.Y)*w:][:w]
		for x := 1; x < w-1; x++ {
			if c[x] == 0 {
				continue
			}
			soft := int(above[x-1]) + 2*int(above[x]) + int(above[x+1]) +
				2*int(here[x-1]) + 4*int(here[x]) + 2*int(here[x+1]) +
				int(below[x-1]) + 2*int(below[x]) + int(below[x+1])
			apart := float32(16*int(here[x])-soft) / 16
			out[x] = pixel(float32(here[x]) + strength*apart*float32(c[x])/255)
		}
		above, here = here, above
	}
}
