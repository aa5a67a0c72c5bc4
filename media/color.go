package media

// Color tells how a frame's numbers stand for light, in the code points of
// ITU-T H.273. 0 is unknown. The range is no part of it: a Frame's is limited.
type Color struct {
	Primaries uint8
	Transfer  uint8
	Matrix    uint8
}

// Code points that more than one package names.
const (
	BT709       = 1  // of all three
	BT601       = 6  // of all three
	PQ          = 16 // a Transfer: SMPTE ST 2084
	HLG         = 18 // a Transfer: ARIB STD-B67
	unspecified = 2
)

// Or returns c with what it leaves open filled in from d.
func (c Color) Or(d Color) Color {
	fill := func(c, d uint8) uint8 {
		if c == 0 || c == unspecified {
			c = d
		}
		if c == unspecified {
			c = 0
		}
		return c
	}
	return Color{fill(c.Primaries, d.Primaries), fill(c.Transfer, d.Transfer), fill(c.Matrix, d.Matrix)}
}

// HDR tells whether c is of high dynamic range.
func (c Color) HDR() bool { return c.Transfer == PQ || c.Transfer == HLG }
