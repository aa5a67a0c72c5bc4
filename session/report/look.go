package report

import (
	"context"
	"slices"
	"time"

	"livedub/media"
	"livedub/media/codec"
	"livedub/media/file"
)

// gridW and gridH are how finely a frame is remembered.
const gridW, gridH = 24, 18

// look is what a frame looked like: the mean luma of each cell.
type look struct {
	at   time.Duration
	grid [gridW * gridH]float64
}

// lookOf returns the looks of a file's frames that lie in or near the spans, in order.
func lookOf(ctx context.Context, path string, spans []span) ([]look, error) {
	src, err := file.Open(path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	t := trackOf(src, media.Video)
	if t == nil {
		return nil, nil
	}
	dec, err := codec.NewVideoDecoder(*t)
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	shaper := codec.NewShaper(*t, 320, 320)
	defer shaper.Close()
	var out []look
	keep := func(frames []*media.Frame) {
		for _, f := range frames {
			if !near(f.PTS, spans) {
				f.Release()
			} else if f, err := shaper.Shape(f); err == nil {
				out = append(out, lookAt(f))
				f.Release()
			}
		}
	}
	var group []media.Packet // since the last keyframe, not decoded yet
	decoding := false
	err = packets(ctx, src, media.Video, func(p media.Packet) error {
		if p.Key && !near(p.PTS, spans) {
			group, decoding = group[:0], false
		}
		group = append(group, p)
		if decoding = decoding || near(p.PTS, spans); !decoding {
			return nil
		}
		for _, p := range group {
			frames, _ := dec.Decode(p) // a bad packet shows as missing frames
			keep(frames)
		}
		group = group[:0]
		return nil
	})
	rest, _ := dec.Flush()
	keep(rest)
	slices.SortFunc(out, func(a, b look) int { return int(a.at - b.at) })
	return out, err
}

func near(t time.Duration, spans []span) bool {
	for _, s := range spans {
		if s.from-reach <= t && t <= s.to+reach {
			return true
		}
	}
	return false
}

func lookAt(f *media.Frame) look {
	l := look{at: f.PTS}
	for gy := range gridH {
		y0, y1 := gy*f.Height/gridH, max((gy+1)*f.Height/gridH, gy*f.Height/gridH+1)
		for gx := range gridW {
			x0, x1 := gx*f.Width/gridW, max((gx+1)*f.Width/gridW, gx*f.Width/gridW+1)
			sum := 0
			for y := y0; y < min(y1, f.Height); y++ {
				for _, v := range f.Y[y*f.YStride+x0 : y*f.YStride+min(x1, f.Width)] {
					sum += int(v)
				}
			}
			l.grid[gy*gridW+gx] = float64(sum) / float64((y1-y0)*(x1-x0))
		}
	}
	return l
}

// shift returns by how much the frames of a span were moved in time, the
// median over those that can be told from their neighbours.
func shift(before, after []look, s span) (time.Duration, bool) {
	var moved []time.Duration
	for _, a := range after {
		if a.at < s.from || a.at > s.to {
			continue
		}
		if at, ok := whichOf(before, a); ok {
			moved = append(moved, a.at-at)
		}
	}
	if len(moved) == 0 {
		return 0, false
	}
	slices.Sort(moved)
	return moved[len(moved)/2], true
}

// whichOf returns the time of the source frame that a is, if it is clearly
// more like that one than like the ones beside it.
func whichOf(before []look, a look) (time.Duration, bool) {
	i, _ := slices.BinarySearchFunc(before, a.at-reach, func(l look, t time.Duration) int { return int(l.at - t) })
	bestAt, bestD, secondD := -1, 1e18, 1e18
	for ; i < len(before) && before[i].at <= a.at+reach; i++ {
		switch d := distance(&before[i], &a); {
		case d < bestD:
			bestAt, bestD, secondD = i, d, bestD
		case d < secondD:
			secondD = d
		}
	}
	if bestAt < 0 || bestD >= .7*secondD {
		return 0, false
	}
	return before[bestAt].at, true
}

// distance is the sum of squared differences, after the brightness that the
// whole frame gained or lost is taken out.
func distance(a, b *look) float64 {
	mean, sum := 0.0, 0.0
	for i := range a.grid {
		mean += (a.grid[i] - b.grid[i]) / float64(len(a.grid))
	}
	for i := range a.grid {
		d := a.grid[i] - b.grid[i] - mean
		sum += d * d
	}
	return sum
}
