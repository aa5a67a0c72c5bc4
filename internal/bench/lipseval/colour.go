package lipseval

import "math"

// gauss is a normal distribution of colours.
type gauss struct {
	mean  feature
	inv   [6]float64 // of the covariance: 00 01 02 11 12 22
	norm  float64    // logarithm of what the density is multiplied by, share included
	share float64    // of its class
}

// log returns the logarithm of the density at c.
func (g *gauss) log(c feature) float64 {
	a, b, d := c[0]-g.mean[0], c[1]-g.mean[1], c[2]-g.mean[2]
	return g.norm - .5*(a*a*g.inv[0]+b*b*g.inv[3]+d*d*g.inv[5]) - a*b*g.inv[1] - a*d*g.inv[2] - b*d*g.inv[4]
}

// newGauss makes a distribution of weighted sums. share is its part of its class.
func newGauss(n float64, sum feature, square [6]float64, share float64) gauss {
	// As many unseen colours, spread around the mean, as keep few samples from being trusted too far.
	const prior = 40
	wide := [6]float64{.0016, 0, 0, .00012, 0, .00012}
	g := gauss{share: share}
	for i := range 3 {
		g.mean[i] = sum[i] / n
	}
	var c [6]float64
	k := 0
	for i := range 3 {
		for j := i; j < 3; j++ {
			c[k] = (square[k] - n*g.mean[i]*g.mean[j] + prior*wide[k]) / (n + prior)
			k++
		}
	}
	// Cameras and codecs leave no colour more even than this.
	c[0] += .0002
	c[3] += .00001
	c[5] += .00001
	m00, m01, m02 := c[3]*c[5]-c[4]*c[4], c[2]*c[4]-c[1]*c[5], c[1]*c[4]-c[2]*c[3]
	det := c[0]*m00 + c[1]*m01 + c[2]*m02
	g.inv = [6]float64{m00 / det, m01 / det, m02 / det, (c[0]*c[5] - c[2]*c[2]) / det, (c[1]*c[2] - c[0]*c[4]) / det, (c[0]*c[3] - c[1]*c[1]) / det}
	g.norm = math.Log(share) - .5*math.Log(det)
	return g
}

// class is a mixture of the colours that a part of the face has.
type class []gauss

// log returns the logarithm of the density at c of the likeliest colour.
func (k class) log(c feature) float64 {
	best := math.Inf(-1)
	for i := range k {
		best = max(best, k[i].log(c))
	}
	return best
}

// sums gathers samples of one class, by which of its colours they are likeliest.
type sums struct {
	n      []float64
	sum    []feature
	square [][6]float64
}

func newSums(n int) *sums {
	return &sums{make([]float64, n), make([]feature, n), make([][6]float64, n)}
}

func (s *sums) add(i int, c feature) {
	s.n[i]++
	k := 0
	for a := range 3 {
		s.sum[i][a] += c[a]
		for b := a; b < 3; b++ {
			s.square[i][k] += c[a] * c[b]
			k++
		}
	}
}

// fewest is how many samples a colour has at least.
const fewest = 6

// class returns the mixture; a colour that next to nothing has is left out.
func (s *sums) class() class {
	var all float64
	for _, n := range s.n {
		all += n
	}
	var k class
	for i, n := range s.n {
		if n >= fewest && n > .004*all {
			k = append(k, newGauss(n, s.sum[i], s.square[i], n/all))
		}
	}
	return k
}

// likeliest returns the index of the colour that c is likeliest of.
func (k class) likeliest(c feature) int {
	best, at := math.Inf(-1), 0
	for i := range k {
		if l := k[i].log(c); l > best {
			best, at = l, i
		}
	}
	return at
}
