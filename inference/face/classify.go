package face

import (
	"cmp"
	"math/bits"
	"slices"
)

// box is a window that shows a face, in pixels: its middle and its side.
type box struct {
	x, y, side float64
	score      float64 // how plainly; those of overlapping windows are added
}

// score returns how far the window of g is above the last threshold, and 0
// where it shows no face. The window may leave the frame.
func (c *classifier) score(g *gray, x, y, side float64) float64 {
	quick := g.inCrop(x, y, side)
	fx, fy, s := fixed(x), fixed(y), int(side*256)
	var sum float32
	for i := range c.trees {
		t := &c.trees[i]
		if quick {
			sum += t.leaves[descend(t.nodes, (*cropPixels)(g.pix), c.depth, fx, fy, s, s)]
		} else {
			sum += t.leaves[g.descend(t.nodes, c.depth, fx, fy, s, s)]
		}
		if sum <= t.threshold {
			return 0
		}
	}
	return float64(sum - c.trees[len(c.trees)-1].threshold)
}

// above returns 1 if p > q and else 0, without a branch, which no processor could foresee.
func above(p, q byte) int { return int(uint(int(q)-int(p)) >> (bits.UintSize - 1)) }

// fixed turns a coordinate, in which pixel i lies at i, to 1/65536 of a pixel
// such that cutting off the fraction gives the nearest pixel.
func fixed(v float64) int { return int((v + .5) * (1 << 16)) }

// at returns the pixel at (x, y), given in 1/65536; beyond the edge, the nearest one.
func (g *gray) at(x, y int) byte {
	return g.pix[min(max(y>>16, 0), g.h-1)*g.stride+min(max(x>>16, 0), g.w-1)]
}

// inCrop tells whether g is a crop and the window lies inside it.
func (g *gray) inCrop(x, y, side float64) bool {
	half := side/2 + 1
	return g.stride == cropStride && len(g.pix) == len(cropPixels{}) &&
		x >= half && y >= half && x+half <= float64(g.w) && y+half <= float64(g.h)
}

// descend returns the leaf that a tree comes to in a window with its middle at
// (x, y), given in 1/65536, and its sides s in 1/256; sx is s, or for the mirror image -s.
func (g *gray) descend(nodes []node, depth, x, y, s, sx int) int {
	at := 0
	for ; depth > 0; depth-- {
		n := &nodes[at]
		at = 2*at + 1 + above(g.at(x+int(n.c1)*sx, y+int(n.r1)*s), g.at(x+int(n.c2)*sx, y+int(n.r2)*s))
	}
	return at - len(nodes)
}

// descend is the same for a window inside a crop. It is a function of its own
// so that all it needs stays in registers.
func descend(nodes []node, pix *cropPixels, depth, x, y, s, sx int) int {
	at := 0
	for ; depth > 0; depth-- {
		n := nodes[at]
		p := pix[uint16((y+int(n.r1)*s)>>16<<8|(x+int(n.c1)*sx)>>16)]
		q := pix[uint16((y+int(n.r2)*s)>>16<<8|(x+int(n.c2)*sx)>>16)]
		at = 2*at + 1 + above(p, q)
	}
	return at - len(nodes)
}

// quick is how many trees a table holds: few windows without a face get beyond.
const quick = 24

// table is a classifier's first trees with the pixels of one window side looked
// up for frames of one width, which makes a search several times faster.
type table struct {
	side float64
	step float64
	pair [][2]int32 // offsets of the two pixels of each node of each tree
}

func newTable(c *classifier, side float64, width int) *table {
	t := &table{side: side, step: max(shift*side, 1)}
	s := int(side * 256)
	off := func(row, col int8) int32 {
		return int32((int(row)*s+1<<15)>>16*width + (int(col)*s+1<<15)>>16)
	}
	for i := range c.trees[:min(quick, len(c.trees))] {
		for _, n := range c.trees[i].nodes {
			t.pair = append(t.pair, [2]int32{off(n.r1, n.c1), off(n.r2, n.c2)})
		}
	}
	return t
}

// passes tells whether the window around pixel (x, y), which must lie inside g,
// survives the first trees.
func (t *table) passes(c *classifier, g *gray, x, y int) bool {
	pix, base := g.pix, y*g.w+x
	nodes := 1<<c.depth - 1
	var sum float32
	for i := 0; i*nodes < len(t.pair); i++ {
		pair := t.pair[i*nodes : (i+1)*nodes]
		at := 0
		for range c.depth {
			p := &pair[at]
			at = 2*at + 1 + above(pix[base+int(p[0])], pix[base+int(p[1])])
		}
		tree := &c.trees[i]
		sum += tree.leaves[at-nodes]
		if sum <= tree.threshold {
			return false
		}
	}
	return true
}

// merge puts overlapping boxes together, each group at its mean weighted by
// score, and returns the groups by falling score.
func merge(found []box) []box {
	slices.SortStableFunc(found, func(a, b box) int { return cmp.Compare(b.score, a.score) })
	var groups []box
	used := make([]bool, len(found))
	for i, head := range found {
		if used[i] {
			continue
		}
		var g box
		for j := i; j < len(found); j++ {
			b := found[j]
			if used[j] || overlap(head, b) < .3 {
				continue
			}
			used[j] = true
			g.x, g.y, g.side, g.score = g.x+b.score*b.x, g.y+b.score*b.y, g.side+b.score*b.side, g.score+b.score
		}
		g.x, g.y, g.side = g.x/g.score, g.y/g.score, g.side/g.score
		groups = append(groups, g)
	}
	return groups
}

// overlap returns the area that both boxes cover over that which either does.
func overlap(a, b box) float64 {
	side := func(p, q float64) float64 {
		return max(0, min(p+a.side/2, q+b.side/2)-max(p-a.side/2, q-b.side/2))
	}
	both := side(a.x, b.x) * side(a.y, b.y)
	return both / (a.side*a.side + b.side*b.side - both)
}
