package lips

import (
	"math"
	"slices"
)

const (
	detailLevels = 5    // of openings, for each of which it is known how sharp mouths are
	detailFrom   = 50   // frames seen from which on that says something
	detailStep   = .015 // between places looked at, in distances between the eyes; a pixel at least
)

// details tell how sharp this speaker's mouths are, opening by opening: parted lips have
// edges that closed ones lack. What is less sharp than most of its kind was blurred by
// motion, or caught on its way.
type details struct {
	seen          []float64             // of the latest frames, in the order of habits.reads
	height, usual [detailLevels]float64 // medians, by opening
	known         bool
}

// readDetail returns the mean bend of brightness in and around the lips, from place to place.
func readDetail(pic frame, p pose, s shape) float64 {
	const left, up, w, h = .45, .3, .9, .7
	d := max(detailStep, 1/(p.eyes()*pic.scale))
	nx, ny := int(w/d), int(h/d)
	if nx < 3 || ny < 3 {
		return 0
	}
	rows := [3][]float32{make([]float32, nx), make([]float32, nx), make([]float32, nx)}
	var sum float64
	for j := range ny {
		above, here, below := rows[j%3], rows[(j+1)%3], rows[(j+2)%3]
		for i := range below {
			x := float64(i)*d - left
			below[i] = pic.luma(p.out(s.x+x, s.y+float64(j)*d-up+s.tilt*x))
		}
		if j < 2 {
			continue
		}
		for i := 1; i < nx-1; i++ {
			sum += math.Abs(float64(4*here[i] - here[i-1] - here[i+1] - above[i] - below[i]))
		}
	}
	return sum / float64((nx-2)*(ny-2))
}

// settle works out what is usual; heights are the openings of what was seen.
func (d *details) settle(heights []float64) {
	if d.known = len(heights) >= detailFrom; !d.known {
		return
	}
	order := make([]int, len(heights))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if c := heights[a] - heights[b]; c != 0 {
			return int(math.Copysign(1, c))
		}
		return a - b
	})
	for k := range detailLevels {
		part := order[k*len(order)/detailLevels : (k+1)*len(order)/detailLevels]
		d.height[k] = heights[part[len(part)/2]]
		of := make([]float64, len(part))
		for i, at := range part {
			of[i] = d.seen[at]
		}
		slices.Sort(of)
		d.usual[k] = of[len(of)/2]
	}
}

// share returns how sharp a mouth is against most of its opening: 1 for as sharp as these,
// and for all while too little is known.
func (d *details) share(detail, height float64) float64 {
	if !d.known {
		return 1
	}
	usual := d.usual[0]
	for k := 1; k < detailLevels; k++ {
		a, b := d.height[k-1], d.height[k]
		if height <= a {
			break
		}
		usual = d.usual[k]
		if height < b {
			usual = d.usual[k-1] + (d.usual[k]-d.usual[k-1])*(height-a)/(b-a)
			break
		}
	}
	return detail / max(usual, 1e-6)
}

// vague is the share below which a mouth is the odder to look at the less it is.
const vague = .85

// vagueness is the cost of showing a mouth that is less sharp than most of its opening.
func (d *details) vagueness(e *entry) float64 {
	return 60 * square(max(0, vague-d.share(e.detail, e.shape.height())))
}
