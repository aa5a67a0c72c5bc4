package lipseval

import (
	"math"
	"testing"

	"livedub/media"
)

// dubbed is a frame whose mouth was replaced by that of another, without a fault.
func dubbed(t *testing.T, e *Estimator, from, to face, spoil func(*media.Frame)) Tear {
	t.Helper()
	came, source, made := from.draw(), to.draw(), to.draw()
	defer came.Frame.Release()
	defer source.Frame.Release()
	defer made.Frame.Release()
	spoil(made.Frame)
	m, s := e.Read(made), e.Read(came)
	return e.Tears(NewFace(made), NewFace(came), NewFace(source), m, s)
}

var learned80 *Estimator

// taught80 returns an estimator for drawn faces with 80 pixels between the eyes.
func taught80(t *testing.T) *Estimator {
	if learned80 == nil {
		learned80 = learn(t, speak(24, 80))
	}
	return learned80
}

// wedge lays a wedge of some width and thrice its length over f, its edges soft, from x, y down.
func wedge(f *media.Frame, x, y, wide int, colour [3]float64) {
	for j := range 3 * wide {
		half := float64(wide) / 2 * (1 - float64(j)/float64(3*wide))
		for i := -wide; i <= wide; i++ {
			a := min(max(half-math.Abs(float64(i))+.5, 0), 1)
			px, py := x+i, y+j
			o, c := py*f.YStride+px, py/2*f.UVStride+px/2
			f.Y[o] = byte(float64(f.Y[o])*(1-a) + colour[0]*a)
			if px%2 == 0 && py%2 == 0 {
				f.U[c] = byte(float64(f.U[c])*(1-a) + colour[1]*a)
				f.V[c] = byte(float64(f.V[c])*(1-a) + colour[2]*a)
			}
		}
	}
}

func TestTearsAreFound(t *testing.T) {
	e := taught80(t)
	closed, open := face{eyes: 80, y: 1.15, width: .75}, face{eyes: 80, y: 1.15, width: .78, height: .2, teeth: true}
	for _, pair := range [][2]face{{closed, open}, {open, closed}, {open, open}} {
		if tear := dubbed(t, e, pair[0], pair[1], func(*media.Frame) {}); tear.Torn() {
			t.Errorf("a mouth of %.2f laid over one of %.2f without a fault is torn: %+v", pair[1].height, pair[0].height, tear)
		}
		for _, wide := range []int{4, 8, 12, 20} {
			for what, colour := range map[string][3]float64{"hair": {50, 124, 134}, "background": {225, 128, 128}} {
				tear := dubbed(t, e, pair[0], pair[1], func(f *media.Frame) { wedge(f, 52, 110, wide, colour) })
				if !tear.Torn() {
					t.Errorf("a wedge of %s %d pixels wide is not seen: %+v", what, wide, tear)
				}
				if at := tear.At; at.Max.X < 52-wide || at.Min.X > 52+wide || at.Max.Y < 110 || at.Min.Y > 110+3*wide {
					t.Errorf("a wedge of %s %d pixels wide is seen at %v", what, wide, at)
				}
			}
		}
	}
}

// TestTearsForgiveLight: what is a little lighter, or softly shaded, is no tear.
func TestTearsForgiveLight(t *testing.T) {
	e := taught80(t)
	a, b := face{eyes: 80, y: 1.15, width: .75}, face{eyes: 80, y: 1.15, width: .75, height: .1}
	tear := dubbed(t, e, a, b, func(f *media.Frame) {
		for y := 100; y < 180; y++ {
			for x := 40; x < 160; x++ {
				f.Y[y*f.YStride+x] += byte(8 * math.Sin(float64(x-40)/120*math.Pi) * math.Sin(float64(y-100)/80*math.Pi))
			}
		}
	})
	if tear.Torn() {
		t.Errorf("soft light is a tear: %+v", tear)
	}
}

// TestDrawnMouthsAreNoTears: a mouth that was drawn has edges that no frame had.
func TestDrawnMouthsAreNoTears(t *testing.T) {
	e := taught80(t)
	came, made := face{eyes: 80, y: 1.15, width: .75}.draw(), face{eyes: 80, y: 1.15, width: .75, height: .2}.draw()
	defer came.Frame.Release()
	defer made.Frame.Release()
	if tear := e.Tears(NewFace(made), NewFace(came), nil, e.Read(made), e.Read(came)); tear.Torn() {
		t.Errorf("a drawn mouth is a tear: %+v", tear)
	}
	wedge(made.Frame, 52, 110, 8, [3]float64{50, 124, 134})
	if tear := e.Tears(NewFace(made), NewFace(came), nil, e.Read(made), e.Read(came)); !tear.Torn() {
		t.Errorf("a wedge beside a drawn mouth is not seen: %+v", tear)
	}
}
