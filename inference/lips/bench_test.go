package lips

import (
	"math"
	"syscall"
	"testing"
	"time"

	"livedub/inference"
	"livedub/media"
)

// BenchmarkGates720p tells what the outline of a face and the search for tears
// take: of all the time of the mouth in a frame, and of one core at 30 frames a second.
func BenchmarkGates720p(b *testing.B) {
	engine := New(Config{})
	m, _ := engine.Open(b.Context())
	s, _ := m.Dub(b.Context())
	var frames []*media.Frame
	var faces [][]inference.Face
	for i := range 24 {
		d := drawn{x: 640, y: 330, eyes: 120, height: .15 + .15*math.Sin(float64(i)*.7), width: .8, skin: 150}
		frames, faces = append(frames, d.draw(1280, 720)), append(faces, []inference.Face{d.face(1)})
	}
	shown := media.NewFrame(1280, 720)
	var whole, tears, outlines time.Duration
	i := 0
	for b.Loop() {
		f, who := frames[i%len(frames)], faces[i%len(frames)]
		f.PTS = time.Duration(i) * tick
		copy(shown.Y, f.Y)
		shown.PTS = f.PTS
		began := spent()
		k, err := m.Learn(b.Context(), f, who)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Render(b.Context(), inference.LipsRequest{Frame: shown, Snapshot: k, Amount: 1, Step: tick,
			Mouth: []inference.MouthShape{{Open: float64(i%7) / 7, Wide: .5}, {Open: .5, Wide: .5}}}); err != nil {
			b.Fatal(err)
		}
		whole += spent() - began
		if v := k.(*view); v.trust == 1 && len(v.entries) > 0 {
			e := v.entries[i%len(v.entries)]
			p := newPaste(inference.LipsRequest{Frame: shown}, v, 1)
			p.mouth, p.edge[1] = e.shape, e.edge
			p.layer = layer{src: e.pic, pose: e.pose, sy: 1, warp: newWarp(e.shape, e.shape.height(), e.shape.width), own: true}
			var t Trace
			if s.(*stream).lay(p, region{above: .3, below: .5, half: .68}, v, wanted{}, &t) {
				began = spent()
				p.tears()
				tears += spent() - began
				began = spent()
				readOutline(frameOf(f), v.pose, v.shape)
				outlines += spent() - began
			}
		}
		i++
	}
	gates := tears + outlines
	b.ReportMetric(100*float64(gates)/float64(whole), "%-of-lips")
	b.ReportMetric(100*float64(tears)/float64(whole), "%-tears")
	b.ReportMetric(100*30*gates.Seconds()/float64(i), "%-of-a-core-at-30fps")
	b.ReportMetric(whole.Seconds()*1000/float64(i), "ms-lips/frame")
}

// spent returns the CPU time that this process has taken.
func spent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
