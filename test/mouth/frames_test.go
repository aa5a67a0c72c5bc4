package mouth

import (
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
)

// plain puts a speaker into a frame the usual way.
const (
	plainW, plainH, plainEyes = 360, 270, 56
)

func plain(s *speaker, i int, at time.Duration) (*media.Frame, inference.Face) {
	s.once.Do(func() {
		s.usual = &speaker{}
		for k, f := range s.frames {
			p := upright(s.faces[k])
			s.usual.frames = append(s.usual.frames, sized(f, plainW, plainH, p, 0))
			s.usual.faces = append(s.usual.faces, p.face(s.faces[k]))
		}
	})
	f, face := s.usual.at(i)
	return again(f, at), face
}

func upright(f inference.Face) placed { return at(f, plainW/2, 105, plainEyes) }

// TestFrames shows a speaker who is known already frames that something
// happened to, and then good ones again.
func TestFrames(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	type change struct {
		name string
		// bad are the frames that are changed, from warm on; those among them
		// from clear on must be untouched.
		bad, clear int
		resume     int // frames after the bad ones until own mouths are back
		do         func(k int, f *media.Frame, face inference.Face)
		check      func(t *testing.T, p shown) // of the bad ones; may be nil
	}
	none := 1 << 20
	for _, c := range []change{
		{"grey", 10, none, 12, func(_ int, f *media.Frame, _ inference.Face) {
			fill(f.U, 128)
			fill(f.V, 128)
		}, func(t *testing.T, p shown) {
			for i := range p.after.U {
				if u, v := int(p.after.U[i])-128, int(p.after.V[i])-128; u*u+v*v > 40 {
					t.Fatalf("frame %d: a coloured mouth (%v) on a grey face", p.n, p.method)
				}
			}
		}},
		{"very dark", 12, none, 12, func(_ int, f *media.Frame, _ inference.Face) {
			for i, v := range f.Y {
				f.Y[i] = 16 + byte((max(int(v), 16)-16)/12)
			}
			for i := range f.U {
				f.U[i], f.V[i] = byte(128+(int(f.U[i])-128)/6), byte(128+(int(f.V[i])-128)/6)
			}
		}, nil},
		{"black", 4, 0, 12, func(_ int, f *media.Frame, _ inference.Face) {
			fill(f.Y, 16)
			fill(f.U, 128)
			fill(f.V, 128)
		}, nil},
		{"one grey frame", 1, 0, 10, func(_ int, f *media.Frame, _ inference.Face) { fill(f.Y, 128) }, nil},
		{"the lower half grey", 4, 0, 12, func(_ int, f *media.Frame, _ inference.Face) {
			half := f.Height * 9 / 20 // from above the mouth
			fill(f.Y[half*f.YStride:], 128)
			fill(f.U[half/2*f.UVStride:], 128)
			fill(f.V[half/2*f.UVStride:], 128)
		}, nil},
		{"a face gone flat", 3, 0, 12, func(_ int, f *media.Frame, face inference.Face) {
			r := around(face, .5)
			for y := max(r.Min.Y, 0); y < min(r.Max.Y, f.Height); y++ {
				fill(f.Y[y*f.YStride+r.Min.X:y*f.YStride+r.Max.X], 120)
			}
		}, nil},
		{"some blocks over the face", 8, none, 12, func(_ int, f *media.Frame, face inference.Face) {
			r := around(face, .5)
			for range 12 {
				x, y := (r.Min.X+rng.IntN(r.Dx()))&^15, (r.Min.Y+rng.IntN(r.Dy()))&^15
				noise(f, image.Rect(x, y, x+16, y+16), 4, rng)
			}
		}, nil},
		{"rows stuck below the mouth", 6, none, 12, func(_ int, f *media.Frame, face inference.Face) {
			y0 := int(mouthOf(face).Y) &^ 15 // rows repeated from above
			for y := y0; y < min(y0+48, f.Height); y++ {
				copy(f.Y[y*f.YStride:], f.Y[(y0-1)*f.YStride:y0*f.YStride])
				copy(f.U[y/2*f.UVStride:], f.U[(y0/2-1)*f.UVStride:y0/2*f.UVStride])
				copy(f.V[y/2*f.UVStride:], f.V[(y0/2-1)*f.UVStride:y0/2*f.UVStride])
			}
		}, nil},
		{"noise", 3, 0, 12, func(_ int, f *media.Frame, _ inference.Face) {
			noise(f, image.Rect(0, 0, f.Width, f.Height), 2, rng)
		}, nil},
		{"blocks over the face", 3, 0, 12, func(_ int, f *media.Frame, face inference.Face) {
			noise(f, around(face, .6), 16, rng)
		}, nil},
		{"a hand before the mouth", 10, 0, 15, func(_ int, f *media.Frame, face inference.Face) {
			hand(f, face)
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, s *speaker) {
				if c.clear == 0 && s != drawn(t, 0) && c.bad < 10 {
					t.Skip("the drawn speaker is enough: nothing of the face decides here")
				}
				look := newSheet(t)
				before, during, after := count{from: warm - 5, to: warm}, count{from: warm, to: warm + c.bad}, count{from: warm + c.bad + c.resume}
				call := begin(t, func(p shown) {
					before.see(p)
					during.see(p)
					after.see(p)
					if p.n >= warm-1 && p.n <= warm+c.bad {
						look.add(p, image.Rectangle{})
					}
					if p.n >= warm && p.n < warm+c.bad && c.check != nil {
						c.check(t, p)
					}
					if p.n >= warm+c.clear && p.n < warm+c.bad && p.changed > 0 {
						t.Errorf("frame %d: %v", p.n-warm, p.method)
					}
				})
				for i := range warm + c.bad + c.resume + 5 {
					f, face := plain(s, i, time.Duration(i)*tick)
					if i >= warm && i < warm+c.bad {
						c.do(i-warm, f, face)
					}
					call.take(f, &face)
				}
				call.end()
				t.Logf("before: %v, during: %v, after: %v", &before, &during, &after)
				if before.own < before.all || after.own < after.all {
					t.Errorf("before: %v, after: %v", &before, &after)
				}
			})
		})
	}
}

// hand covers a mouth with four fingers' skin.
func hand(f *media.Frame, face inference.Face) {
	m, eyes := mouthOf(face), apart(face)
	x0, x1, y0, y1 := int(m.X-.7*eyes), int(m.X+.7*eyes), int(m.Y-.32*eyes), int(m.Y+.4*eyes)
	for y := max(y0, 0); y < min(y1, f.Height); y++ {
		for x := max(x0, 0); x < min(x1, f.Width); x++ {
			v := float64(y-y0) / float64(y1-y0) * 4 // fingers
			v -= float64(int(v))
			f.Y[y*f.YStride+x] = byte(165 - 60*(2*v-1)*(2*v-1)*(2*v-1)*(2*v-1))
			f.U[y/2*f.UVStride+x/2], f.V[y/2*f.UVStride+x/2] = 112, 150
		}
	}
}

func TestSizeChange(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *speaker) {
		look := newSheet(t)
		var own [4]count
		for i := range own {
			own[i] = count{from: warm + 25*i - 8, to: warm + 25*i}
		}
		c := begin(t, func(p shown) {
			for i := range own {
				own[i].see(p)
			}
			if p.n >= warm && p.n%25 == warm%25-2 || p.n >= warm && p.n%25 == (warm+9)%25 {
				look.add(p, image.Rectangle{})
			}
		})
		for i := range warm + 75 {
			scale := []float64{1, 2, .7, 1}[max(0, (i-warm+25)/25)]
			w, h := int(plainW*scale)&^1, int(plainH*scale)&^1
			f, face := s.at(i)
			p := at(face, float64(w)/2, 105*scale, plainEyes*scale)
			truth := p.face(face)
			c.take(sized(f, w, h, p, time.Duration(i)*tick), &truth)
		}
		c.end()
		for i := range own {
			if own[i].own < own[i].all {
				t.Errorf("size %d: %v", i, &own[i])
			}
		}
	})
}

func TestFrameRates(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]int{"10": 10, "60": 60} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, s *speaker) {
				if rate > fps && s != drawn(t, 0) {
					t.Skip("the drawn speaker is enough: the recording has 25 frames a second")
				}
				own := count{from: max(rate, 16)}
				c := begin(t, own.see)
				c.step = time.Second / time.Duration(rate)
				for i := range max(3*rate/2, 24) {
					f, face := plain(s, i*fps/rate, time.Duration(i)*c.step)
					c.take(f, &face)
				}
				c.end()
				if own.own < own.all {
					t.Errorf("%v", &own)
				}
			})
		})
	}
}

// TestTime shows frames that stand still, come twice, and jump in time.
func TestTime(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *speaker) {
		var now time.Duration
		still, later := count{from: warm + 5, to: warm + 20}, count{from: warm + 40}
		c := begin(t, func(p shown) {
			still.see(p)
			later.see(p)
		})
		show := func(i int, at time.Duration) {
			f, face := plain(s, i, at)
			c.take(f, &face)
		}
		for i := range warm {
			show(i, now)
			now += tick
		}
		for range 20 { // it stands
			show(warm, now)
			now += tick
		}
		show(warm+1, now-tick)          // twice
		show(warm+2, now-5*time.Second) // back
		for i := range 10 {             // by leaps
			now += 700 * time.Millisecond
			show(warm+i, now)
		}
		now += time.Hour
		for i := range 20 {
			show(warm+10+i, now)
			now += tick
		}
		c.end()
		if still.own < still.all || later.own < later.all {
			t.Errorf("standing: %v, after a leap of an hour: %v", &still, &later)
		}
	})
}

// disguise makes somebody else of a face: drawn heads are too much alike.
func disguise(f *media.Frame, face inference.Face) {
	eyes := apart(face)
	for y := range f.Height {
		for x := range f.Width {
			for k, e := range []inference.Point{face.LeftEye, face.RightEye, face.Nose} {
				dx, dy := (float64(x)-e.X)/eyes, (float64(y)-e.Y)/eyes
				switch {
				case k < 2 && dx*dx+dy*dy < .12: // dark glasses
					f.Y[y*f.YStride+x] = 60
				case k == 2 && (dx*dx)/.1+(dy*dy)/.03 < 1: // a red nose
					f.Y[y*f.YStride+x] = 130
					f.V[y/2*f.UVStride+x/2] = 180
				}
			}
		}
	}
}

// TestCut shows another person and the first one again: each has their own mouths.
func TestCut(t *testing.T) {
	t.Parallel()
	for name, who := range map[string]func(t *testing.T) [2]*speaker{
		"drawn": func(t *testing.T) [2]*speaker { return [2]*speaker{drawn(t, 0), drawn(t, 0)} },
		"clip":  func(t *testing.T) [2]*speaker { return [2]*speaker{clip(t, "grid__bbaf2n"), clip(t, "grid__lbax4n")} },
	} {
		t.Run(name, func(t *testing.T) {
			const part = 50
			look := newSheet(t)
			var own [4]count
			for i := range own {
				own[i] = count{from: i*part + 16, to: (i+1)*part - 1}
			}
			c := begin(t, func(p shown) {
				for i := range own {
					own[i].see(p)
				}
				if k := p.n / part; p.method == inference.Own && int(p.trace.Source/tick)/part%2 != k%2 {
					t.Errorf("frame %d: a mouth of the other person, of frame %d", p.n, p.trace.Source/tick)
				}
				if k := p.n % part; p.n >= part && (k < 2 || k == 5 || k == 20) {
					look.add(p, image.Rectangle{})
				}
			})
			people := who(t)
			for i := range 4 * part {
				who := people[i/part%2]
				src, face := who.at(i)
				p := at(face, plainW/2, 105, plainEyes)
				if i/part%2 == 1 {
					p = at(face, 130, 120, 64)
				}
				f := sized(src, plainW, plainH, p, time.Duration(i)*tick)
				face = p.face(face)
				if people[0] == people[1] && i/part%2 == 1 {
					disguise(f, face)
				}
				c.take(f, &face)
			}
			c.end()
			for i := range own {
				t.Logf("part %d: %v", i, &own[i])
				if i >= 2 && own[i].own < own[i].all {
					t.Errorf("back, but %v", &own[i])
				}
			}
		})
	}
}
