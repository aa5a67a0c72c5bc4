package testspeaker

import "math"

// mask is how much of each pixel of a rectangle a shape covers, 0..1.
type mask struct {
	x0, y0, w, h int
	a            []float32
}

func (m *mask) at(x, y int) float32 {
	x, y = x-m.x0, y-m.y0
	if x < 0 || y < 0 || x >= m.w || y >= m.h {
		return 0
	}
	return m.a[y*m.w+x]
}

// cover sets m to the area that the closed polygon covers, anti-aliased and
// clipped to w by h pixels, with room of margin pixels around it. The memory of
// m is used again.
//
// Each edge leaves its signed height in the cell where it crosses a quarter
// line; the running sum along the row is the coverage.
func (m *mask) cover(polygon []pt, w, h, margin int) {
	const lines = 4
	lowX, lowY, highX, highY := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range polygon {
		lowX, highX = math.Min(lowX, p.x), math.Max(highX, p.x)
		lowY, highY = math.Min(lowY, p.y), math.Max(highY, p.y)
	}
	m.x0, m.y0 = max(0, int(lowX)-1-margin), max(0, int(lowY)-1-margin)
	m.w = max(0, min(w, int(highX)+2+margin)-m.x0)
	m.h = max(0, min(h, int(highY)+2+margin)-m.y0)
	if cap(m.a) < m.w*m.h {
		m.a = make([]float32, m.w*m.h)
	}
	m.a = m.a[:m.w*m.h]
	clear(m.a)
	if m.w == 0 || m.h == 0 {
		return
	}
	for i, p := range polygon {
		q := polygon[(i+1)%len(polygon)]
		sign := float32(1. / lines)
		if p.y > q.y {
			p, q, sign = q, p, -sign
		}
		// Quarter line k stands at y0 + (k+.5)/lines.
		first := max(0, int(math.Ceil((p.y-float64(m.y0))*lines-.5)))
		last := min(m.h*lines-1, int(math.Ceil((q.y-float64(m.y0))*lines-.5))-1)
		if first > last {
			continue
		}
		slope := (q.x - p.x) / (q.y - p.y)
		for k := first; k <= last; k++ {
			y := float64(m.y0) + (float64(k)+.5)/lines
			x := math.Max(0, p.x+(y-p.y)*slope-float64(m.x0))
			cell := int(x)
			if cell >= m.w {
				continue
			}
			part := float32(x - float64(cell))
			row := k / lines * m.w
			m.a[row+cell] += sign * (1 - part)
			if cell+1 < m.w {
				m.a[row+cell+1] += sign * part
			}
		}
	}
	for y := range m.h {
		row := m.a[y*m.w : (y+1)*m.w]
		var sum float32
		for x, v := range row {
			sum += v
			row[x] = min(1, max(sum, -sum))
		}
	}
}

// blur softens m by three passes of a box, close to a Gaussian of sigma radius.
func (m *mask) blur(radius float64) {
	r := int(radius + .5)
	if r < 1 {
		return
	}
	buf := make([]float32, max(m.w, m.h))
	for range 3 {
		for y := range m.h {
			box(m.a[y*m.w:(y+1)*m.w], 1, m.w, r, buf)
		}
		for x := range m.w {
			box(m.a[x:], m.w, m.h, r, buf)
		}
	}
}

// box averages n values, stride apart, over 2r+1 neighbours each.
func box(a []float32, stride, n, r int, buf []float32) {
	var sum float32
	for i := -r; i < n; i++ {
		if i+r < n {
			sum += a[(i+r)*stride]
		}
		if i-r-1 >= 0 {
			sum -= a[(i-r-1)*stride]
		}
		if i >= 0 {
			buf[i] = sum / float32(2*r+1)
		}
	}
	for i := range n {
		a[i*stride] = buf[i]
	}
}

// clip leaves of m what by covers too.
func (m *mask) clip(by *mask) {
	for y := range m.h {
		for x := range m.w {
			m.a[y*m.w+x] *= by.at(m.x0+x, m.y0+y)
		}
	}
}
