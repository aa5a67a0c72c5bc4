package main

// bins hold a figure over time in bounded memory: when they are full, two
// neighbours become one. The zero value is empty, with bins of a second.
type bins struct {
	width int // seconds of each
	sum   []float64
	n     []int
	max   []float64
}

// maxBins bounds bins; it is even.
const maxBins = 1200

// add takes a sample at so many seconds; one before 0 counts as at 0.
func (b *bins) add(at, v float64) {
	if b.width == 0 {
		b.width = 1
	}
	i := int(max(at, 0)) / b.width
	for i >= maxBins {
		b.fold()
		i /= 2
	}
	for len(b.n) <= i {
		b.sum, b.n, b.max = append(b.sum, 0), append(b.n, 0), append(b.max, 0)
	}
	if b.n[i] == 0 {
		b.max[i] = v
	}
	b.sum[i], b.max[i] = b.sum[i]+v, max(b.max[i], v)
	b.n[i]++
}

// fold makes one bin of two.
func (b *bins) fold() {
	out := bins{width: 2 * b.width}
	for i := range b.n {
		if b.n[i] == 0 {
			continue
		}
		for len(out.n) <= i/2 {
			out.sum, out.n, out.max = append(out.sum, 0), append(out.n, 0), append(out.max, 0)
		}
		o := i / 2
		if out.n[o] == 0 {
			out.max[o] = b.max[i]
		}
		out.sum[o], out.max[o] = out.sum[o]+b.sum[i], max(out.max[o], b.max[i])
		out.n[o] += b.n[i]
	}
	*b = out
}

// point is one bin's place, in seconds, and value.
type point struct{ at, v float64 }

// means returns the mean of each bin that has samples, at its middle.
func (b *bins) means() []point {
	var out []point
	for i, n := range b.n {
		if n > 0 {
			out = append(out, point{b.middle(i), b.sum[i] / float64(n)})
		}
	}
	return out
}

// maxima returns the largest sample of each bin that has some.
func (b *bins) maxima() []point {
	var out []point
	for i, n := range b.n {
		if n > 0 {
			out = append(out, point{b.middle(i), b.max[i]})
		}
	}
	return out
}

// sums returns the sum of each bin up to the last that has samples.
func (b *bins) sums() []point {
	var out []point
	for i := range b.n {
		out = append(out, point{b.middle(i), b.sum[i]})
	}
	return out
}

func (b *bins) middle(i int) float64 { return (float64(i) + .5) * float64(b.width) }
