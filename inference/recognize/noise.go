package recognize

import "math"

const (
	floorDecay   = 8     // sub-windows the floor is the least of
	floorSub     = 12    // frames in one: 8 x 240 ms = about 2 s of memory
	startFloor   = -60.0 // dBFS assumed until the first 2 s are heard
	gateMargin   = 6.0   // dB a frame must stand above the floor
	quietest     = -55.0 // dBFS below which nothing is speech, however silent the room
	smoothWeight = 0.3   // of the newest 20 ms frame in the smoothed power
)

// energyGate tells frames that stand out of the background. The floor is the
// least smoothed power of the last two seconds (minimum statistics, Martin
// 2001): it survives speech without pauses and takes in steady noise.
type energyGate struct {
	smooth float64 // power of full scale
	subs   [floorDecay]float64
	cur    float64 // least of the present sub-window
	n, at  int
}

func newEnergyGate() *energyGate {
	g := &energyGate{cur: math.Inf(1)}
	start := math.Pow(10, startFloor/10)
	g.smooth = start
	for i := range g.subs {
		g.subs[i] = start
	}
	return g
}

// open reports whether the frame stands above the floor, and learns from it.
func (g *energyGate) open(frame []int16) bool {
	p := power(frame)
	g.smooth += smoothWeight * (p - g.smooth)
	g.cur = min(g.cur, g.smooth)
	if g.n++; g.n == floorSub {
		g.subs[g.at] = g.cur
		g.at = (g.at + 1) % floorDecay
		g.n, g.cur = 0, math.Inf(1)
	}
	floor := g.cur
	for _, s := range g.subs {
		floor = min(floor, s)
	}
	db := decibels(p)
	return db > quietest && db > decibels(floor)+gateMargin
}

func decibels(power float64) float64 { return 10 * math.Log10(power+1e-12) }

// power returns the mean square of a frame around its mean, 1 being full scale.
func power(frame []int16) float64 {
	if len(frame) == 0 {
		return 0
	}
	var sum, sq int64
	for _, v := range frame {
		sum += int64(v)
		sq += int64(v) * int64(v)
	}
	n := float64(len(frame))
	mean := float64(sum) / n
	return max(0, float64(sq)/n-mean*mean) / (1 << 30)
}
