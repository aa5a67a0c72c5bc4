package testspeaker

import (
	"math"
	"time"
)

// random gives numbers that depend on a seed and an index only, so that any
// moment can be drawn without those before it.
type random struct {
	seed uint64
	next uint64
}

func newRandom(seed uint64) *random { return &random{seed: seed} }

// unit returns a number 0..1. With key 0 it is the next of a sequence, else that of the key.
func (r *random) unit(key uint64) float64 {
	if key == 0 {
		r.next++
		key = r.next << 32
	}
	// The finaliser of SplitMix64.
	z := r.seed*0x9e3779b97f4a7c15 + key*0xd1342543de82ef95 + 0x632be59bd9b4e019
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return float64((z^z>>31)>>11) / (1 << 53)
}

// pose is how the head stands at one moment, lengths in units of the portrait.
type pose struct {
	dx, dy     float64
	roll       float64 // radians
	yaw, pitch float64 // how far the middle of the face moves against its outline
	brow       float64 // 0..1, raised
	lid        float64 // 0 open, 1 closed
	gaze       pt      // of the irises against the middle of the eyes
}

// motion moves a head by a seed.
type motion struct {
	r      *random
	phases [10]float64
}

func newMotion(seed uint64) *motion {
	m := &motion{r: newRandom(seed ^ 0x6d6f74696f6e)}
	for i := range m.phases {
		m.phases[i] = 2 * math.Pi * m.r.unit(0)
	}
	return m
}

func (m *motion) at(t time.Duration) pose {
	s := t.Seconds()
	wave := func(i int, hertz float64) float64 { return math.Sin(2*math.Pi*hertz*s + m.phases[i]) }
	// Two slow waves that do not repeat together look alive.
	drift := func(i int, hertz float64) float64 { return .65*wave(i, hertz) + .35*wave(i+1, hertz*2.37) }
	p := pose{
		dx:    .055 * drift(0, .13),
		dy:    .03*drift(2, .17) + .008*wave(2, .27), // breath
		roll:  .045 * drift(4, .11),
		yaw:   .11 * drift(6, .15),
		pitch: .05 * drift(8, .21),
		lid:   m.blink(s),
		gaze:  m.gaze(s),
	}
	p.brow = smooth(.35, .95, wave(3, .19)*wave(7, .31))
	return p
}

// blink returns how far the lids are closed: about every 3.4 s, for a quarter of a second.
func (m *motion) blink(s float64) float64 {
	const every = 3.4
	slot := math.Floor(s / every)
	if slot < 0 {
		return 0
	}
	begin := slot*every + .2 + 2.6*m.r.unit(1+2*uint64(slot))
	d := s - begin
	return smooth(0, .08, d) * (1 - smooth(.11, .25, d))
}

// gaze returns where the eyes look: mostly at the camera, now and then aside.
func (m *motion) gaze(s float64) pt {
	const every = 1.4
	slot := math.Floor(s / every)
	look := func(slot float64) pt {
		if slot < 0 {
			return pt{}
		}
		k := uint64(slot)
		if m.r.unit(1<<40|3*k) < .55 {
			return pt{}
		}
		return pt{.065 * (m.r.unit(1<<40|3*k+1) - .5), .025 * (m.r.unit(1<<40|3*k+2) - .5)}
	}
	a, b := look(slot-1), look(slot)
	f := smooth(0, .07, s-slot*every) // a saccade
	return pt{a.x + (b.x-a.x)*f, a.y + (b.y-a.y)*f}
}
