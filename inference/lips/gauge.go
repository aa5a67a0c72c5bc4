package lips

import "math"

// readings are the ways in which an opening is read: by colour (the height of what is
// not lip), by the tracker (how far apart the lips' outer edges are), and by edges (the
// height that they mean on other people). Each errs on some faces and in some lights.
type readings [nReadings]float64

const (
	byColour = iota
	byTracker
	byEdges
	nReadings
)

// gauge makes one height of the readings. On its speaker each is trusted as far as it
// moves with what edges say, which neither light nor skin deceive: a reading that goes
// its own way, as colours do in a grey picture, counts nothing.
type gauge struct {
	n    float64
	mean readings
	co   [nReadings][nReadings]float64 // covariances

	weight, unit readings // of the sum: weight * (reading - mean) / unit
	middle       float64  // height where all are at their mean
	spread       float64  // of heights, for a unit of the sum
	shut         float64  // height that closed lips seem to have
}

const (
	soon  = 12.       // mouths seen before a gauge knows anything of its speaker
	known = 75.       // and from which on it knows enough
	slow  = 1. / seen // how fast it forgets
	still = .012      // a spread below which a reading says nothing
	moves = .03       // and above which a mouth surely moves

	mostShut = .07 // more is a mouth that does not close
)

// see takes in one more mouth.
func (g *gauge) see(r readings) {
	g.n++
	k := max(1/g.n, slow)
	var d readings
	for i := range r {
		d[i] = r[i] - g.mean[i]
		g.mean[i] += k * d[i]
	}
	for i := range r {
		for j := range r {
			g.co[i][j] += k * (d[i]*(r[j]-g.mean[j]) - g.co[i][j])
		}
	}
}

// agree returns the correlation of two readings, 0 where either stands still.
func (g *gauge) agree(i, j int) float64 {
	a, b := g.co[i][i], g.co[j][j]
	if a < still*still || b < still*still {
		return 0
	}
	return g.co[i][j] / math.Sqrt(a*b)
}

// unsure tells whether edges move and no other reading with them: then nobody knows
// what this mouth does.
func (g *gauge) unsure() bool {
	return g.n >= known && g.unit[byEdges] > moves && max(g.agree(byColour, byEdges), g.agree(byTracker, byEdges)) < .2
}

// settle works out how heights are made from here on.
func (g *gauge) settle() {
	g.weight, g.unit = readings{byEdges: 1}, readings{1, 1, 1}
	// Edges are looked for where the tracker has the mouth, so these two err together.
	// Colours err alone: where they say the same they are the best of the three.
	g.weight[byColour] = 3 * math.Pow(max(0, g.agree(byColour, byEdges)), 4)
	g.weight[byTracker] = .5 * math.Pow(max(0, g.agree(byTracker, byEdges)), 4)
	for i := range g.unit {
		g.unit[i] = max(math.Sqrt(g.co[i][i]), 1e-6)
	}
	var square float64
	for i, w := range g.weight {
		for j, v := range g.weight {
			c := g.co[i][j] / (g.unit[i] * g.unit[j])
			square += w * v * c
		}
	}
	colour := g.colours()
	g.spread = (g.unit[byEdges] + colour*g.unit[byColour]) / (1 + colour) / math.Sqrt(max(square, 1e-9))
	g.middle = (g.mean[byEdges] + colour*g.mean[byColour]) / (1 + colour)
}

// colours tells how far colours may be believed, 0..1.
func (g *gauge) colours() float64 { return min(g.weight[byColour], 1) }

// raw returns the height that readings mean, before what closed lips seem to have is taken off.
func (g *gauge) raw(r readings) float64 {
	early := (r[byEdges] + r[byColour]) / 2
	if g.n < soon || g.spread == 0 {
		return early
	}
	h := g.middle
	for i, w := range g.weight {
		h += g.spread * w * (r[i] - g.mean[i]) / g.unit[i]
	}
	return early + (h-early)*g.sure()
}

// sure rises from 0 to 1 while a gauge gets to know its speaker.
func (g *gauge) sure() float64 { return min(max((g.n-soon)/(known-soon), 0), 1) }

// height returns the opening that readings mean.
func (g *gauge) height(r readings) float64 { return max(0, g.raw(r)-g.shut) }

// closes takes in the height under which this speaker's mouth rarely gets.
func (g *gauge) closes(low float64) { g.shut = g.sure() * min(max(low, -mostShut), mostShut) }
