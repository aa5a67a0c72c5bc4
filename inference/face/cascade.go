package face

import (
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

//go:embed cascade/facefinder cascade/puploc cascade/lp81 cascade/lp82 cascade/lp84 cascade/lp93
var files embed.FS

// node is one pixel comparison of a tree: row and column of two pixels, from the
// middle of the window, in 1/256 of its side.
type node struct{ r1, c1, r2, c2 int8 }

// classifier tells faces from everything else: boosted trees of pixel
// comparisons with a threshold after each (Markus et al., arXiv 1305.4537).
type classifier struct {
	depth int
	trees []classTree
}

type classTree struct {
	nodes     []node    // 2^depth - 1, the root first, children of i at 2i+1 and, where the first pixel is above the second, 2i+2
	leaves    []float32 // 2^depth
	threshold float32   // a sum at or below it is no face
}

// localizer moves a window onto one point of a face: stages of regression trees,
// each on a smaller window (Markus et al., arXiv 1403.6888).
type localizer struct {
	depth  int
	shrink float64      // of the window's side after each stage
	stages [][]moveTree // of equal length
}

type moveTree struct {
	nodes  []node       // as in classTree
	leaves [][2]float32 // rows and columns to move, in window sides
}

// What a cascade file may claim, so that nonsense is not believed.
const (
	maxDepth  = 16
	maxStages = 64
	maxTrees  = 1 << 14
)

var errCascade = errors.New("not a cascade file")

// reader reads little-endian words. After the end it gives zeros and sets short.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.short, r.b = true, nil
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) int() int { return int(int32(binary.LittleEndian.Uint32(r.take(4)))) }

func (r *reader) float() float32 { return math.Float32frombits(binary.LittleEndian.Uint32(r.take(4))) }

// done reports what was wrong with a file that was read to its end.
func (r *reader) done() error {
	if r.short {
		return fmt.Errorf("%w: it ends too early", errCascade)
	}
	if len(r.b) > 0 {
		return fmt.Errorf("%w: %d bytes too many", errCascade, len(r.b))
	}
	return nil
}

func (r *reader) nodes(n int) []node {
	nodes := make([]node, n)
	b := r.take(4 * n)
	for i := range nodes {
		nodes[i] = node{int8(b[4*i]), int8(b[4*i+1]), int8(b[4*i+2]), int8(b[4*i+3])}
	}
	return nodes
}

// isNumber tells numbers that a tree may hold from what only damage makes.
func isNumber(v float32) bool { return v > -1e6 && v < 1e6 }

// parseClassifier reads a face classifier: 8 bytes of version and box, depth,
// number of trees; then for each tree its nodes, leaves and threshold.
func parseClassifier(b []byte) (*classifier, error) {
	r := &reader{b: b}
	r.take(8)
	c := &classifier{depth: r.int()}
	n := r.int()
	if c.depth < 1 || c.depth > maxDepth || n < 1 || n > maxTrees {
		return nil, fmt.Errorf("%w: %d trees of depth %d", errCascade, n, c.depth)
	}
	leaves := 1 << c.depth
	for range n {
		if r.short {
			break
		}
		t := classTree{nodes: r.nodes(leaves - 1), leaves: make([]float32, leaves)}
		for i := range t.leaves {
			t.leaves[i] = r.float()
			if !isNumber(t.leaves[i]) {
				return nil, fmt.Errorf("%w: a leaf is %v", errCascade, t.leaves[i])
			}
		}
		t.threshold = r.float()
		if !isNumber(t.threshold) {
			return nil, fmt.Errorf("%w: a threshold is %v", errCascade, t.threshold)
		}
		// The file goes right where the first pixel is not above the second; here
		// as in localizers it is where it is above: each level is turned round.
		for level := range c.depth {
			slices.Reverse(t.nodes[1<<level-1 : 2<<level-1])
		}
		slices.Reverse(t.leaves)
		c.trees = append(c.trees, t)
	}
	return c, r.done()
}

// parseLocalizer reads a localizer: number of stages, shrink, trees a stage,
// depth; then for each tree its nodes and its leaves.
func parseLocalizer(b []byte) (*localizer, error) {
	r := &reader{b: b}
	stages, shrink, trees, depth := r.int(), r.float(), r.int(), r.int()
	if stages < 1 || stages > maxStages || trees < 1 || trees > maxTrees || depth < 1 || depth > maxDepth {
		return nil, fmt.Errorf("%w: %d stages of %d trees of depth %d", errCascade, stages, trees, depth)
	}
	if !(shrink > 0 && shrink <= 1) {
		return nil, fmt.Errorf("%w: windows shrink by %v", errCascade, shrink)
	}
	l := &localizer{depth: depth, shrink: float64(shrink)}
	leaves := 1 << depth
	for range stages {
		var stage []moveTree
		for range trees {
			if r.short {
				return nil, r.done()
			}
			t := moveTree{nodes: r.nodes(leaves - 1), leaves: make([][2]float32, leaves)}
			for i := range t.leaves {
				t.leaves[i] = [2]float32{r.float(), r.float()}
				if !isNumber(t.leaves[i][0]) || !isNumber(t.leaves[i][1]) {
					return nil, fmt.Errorf("%w: a leaf is %v", errCascade, t.leaves[i])
				}
			}
			stage = append(stage, t)
		}
		l.stages = append(l.stages, stage)
	}
	return l, r.done()
}

// cascades are the parsed files. They never change and may be shared.
type cascades struct {
	face                     *classifier
	eye, corner              *localizer // both for the one on the frame's left; its mirror image for the other
	nose, upperLip, lowerLip *localizer
}

func loadCascades() (*cascades, error) {
	c := &cascades{}
	b, err := files.ReadFile("cascade/facefinder")
	if err != nil {
		return nil, err
	}
	if c.face, err = parseClassifier(b); err != nil {
		return nil, fmt.Errorf("facefinder: %w", err)
	}
	for name, l := range map[string]**localizer{
		"puploc": &c.eye, "lp84": &c.corner, "lp93": &c.nose, "lp81": &c.upperLip, "lp82": &c.lowerLip,
	} {
		if b, err = files.ReadFile("cascade/" + name); err != nil {
			return nil, err
		}
		if *l, err = parseLocalizer(b); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return c, nil
}
