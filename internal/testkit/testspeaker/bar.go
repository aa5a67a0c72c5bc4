package testspeaker

import "livedub/media"

// The bar code numbers frames so that a receiver can tell which one it sees:
// 32 blocks over the width of the frame's top edge, a fifteenth of the height
// high, bright for 1: sync 1010, 16 bits (highest first), CRC-8, sync 0101. It
// is read relative to the size, so scaling does it no harm; cropping does.
const (
	barBlocks = 32
	barDark   = 16 // luma of a 0 and a 1, limited range
	barLight  = 235
	barRange  = 48 // least difference between the sync blocks' means to trust a code
)

// BarHeight returns the height of the bar code, in pixels, in a frame of height h.
func BarHeight(h int) int { return h / 15 }

// Burn draws the code of n over the top of f, which must be writable.
func Burn(f *media.Frame, n uint16) {
	code := barCode(n)
	h := BarHeight(f.Height)
	for b := range barBlocks {
		v := byte(barDark)
		if code>>(barBlocks-1-b)&1 == 1 {
			v = barLight
		}
		x0, x1 := b*f.Width/barBlocks, (b+1)*f.Width/barBlocks
		for y := range h {
			fill(f.Y[y*f.YStride+x0:y*f.YStride+x1], v)
		}
	}
	cw := (f.Width + 1) / 2
	for y := range (h + 1) / 2 {
		fill(f.U[y*f.UVStride:y*f.UVStride+cw], 128)
		fill(f.V[y*f.UVStride:y*f.UVStride+cw], 128)
	}
}

// ReadBar returns the number that Burn drew, after any coding and scaling; false
// where there is none or it cannot be trusted.
func ReadBar(f *media.Frame) (n uint16, ok bool) {
	h := BarHeight(f.Height)
	if h < 2 || f.Width < 2*barBlocks {
		return 0, false
	}
	var mean [barBlocks]int
	for b := range mean {
		// The middle half of each block: edges blur.
		x0, x1 := (4*b+1)*f.Width/(4*barBlocks), (4*b+3)*f.Width/(4*barBlocks)
		y0, y1 := h/4, max(h/4+1, h*3/4)
		sum := 0
		for y := y0; y < y1; y++ {
			for _, v := range f.Y[y*f.YStride+x0 : y*f.YStride+max(x1, x0+1)] {
				sum += int(v)
			}
		}
		mean[b] = sum / ((y1 - y0) * max(x1-x0, 1))
	}
	light := (mean[0] + mean[2] + mean[29] + mean[31]) / 4
	dark := (mean[1] + mean[3] + mean[28] + mean[30]) / 4
	if light-dark < barRange {
		return 0, false
	}
	var code uint32
	for _, v := range mean {
		code <<= 1
		if v > (light+dark)/2 {
			code |= 1
		}
	}
	n = uint16(code >> 12)
	return n, code == barCode(n)
}

// barCode returns the 32 blocks of n, the leftmost in the highest bit.
func barCode(n uint16) uint32 {
	return 0b1010<<28 | uint32(n)<<12 | uint32(crc8(n))<<4 | 0b0101
}

// crc8 is the CRC of n's two bytes by x^8+x^2+x+1, starting at a5 so that an
// even frame never looks like the code of 0.
func crc8(n uint16) byte {
	crc := n ^ 0xa500
	for range 16 {
		carry := crc&0x8000 != 0
		crc <<= 1
		if carry {
			crc ^= 0x0700
		}
	}
	return byte(crc >> 8)
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}
