package lipseval

import "math"

// The layers of a face that a line down the middle of the mouth crosses.
const (
	above  = iota // skin over the mouth
	upper         // lip
	inside        // teeth, tongue, dark
	lower         // lip
	below         // skin under the mouth
	nLayers
)

// cuts are the first rows of the layers upper, inside, lower and below.
type cuts [4]int

// bounds of the layers' thickness, in rows.
var thickness = [nLayers][2]int{
	{4, rows}, {fine * 3 / 100, fine * 32 / 100}, {0, fine * 70 / 100}, {fine * 4 / 100, fine * 36 / 100}, {8, rows},
}

// lips are how thick a speaker's upper and lower lip mostly are, in rows; 0 if unknown.
type lips [2]float64

// thick returns what is taken from the log likelihood of layer k for having so
// many rows. Lips stretch thinner, but what adds to them is a tongue.
func (l lips) thick(k, rows int) float64 {
	most := 0.0
	switch k {
	case upper:
		most = l[0]
	case lower:
		most = l[1]
	}
	if most == 0 {
		return 0
	}
	return 200 * square(max(0, float64(rows)/most-1.1))
}

// layered cuts a line of n samples to the five layers whose likelihood is the
// greatest. log[k][i] is the log likelihood of sample i under layer k.
func layered(n int, log *[nLayers][rows]float64, l lips) (cuts, float64) {
	var sum [nLayers][rows + 1]float64
	for k := range nLayers {
		for i := range n {
			sum[k][i+1] = sum[k][i] + log[k][i]
		}
	}
	// best[i]: the likeliest way to have the layers so far end before row i.
	var best [rows + 1]float64
	var from [nLayers][rows + 1]int
	for i := range n + 1 {
		best[i] = math.Inf(-1)
		if i >= thickness[above][0] {
			best[i] = sum[above][i]
		}
	}
	for k := upper; k <= below; k++ {
		var next [rows + 1]float64
		for i := range n + 1 {
			next[i] = math.Inf(-1)
			for j := max(0, i-thickness[k][1]); j <= i-thickness[k][0]; j++ {
				if v := best[j] - sum[k][j] - l.thick(k, i-j); v > next[i] {
					next[i], from[k][i] = v, j
				}
			}
			next[i] += sum[k][i]
		}
		best = next
	}
	var c cuts
	at := n
	for k := below; k >= upper; k-- {
		at = from[k][at]
		c[k-1] = at
	}
	return c, best[n]
}
