package fanout

import (
	"fmt"
	"math"
	"slices"
	"time"

	"livedub/media"
	"livedub/media/codec"
)

const (
	opening   = 4                      // frames by whose distance the rate is chosen
	heldAfter = 500 * time.Millisecond // how late a frame may come before the one before stands for a keyframe
	offGrid   = .65                    // of a frame's time: how far from the next place a frame may be to take it
)

// picture is the frames of a program: place k of its grid is output time k/fps. A
// camera that gives fewer leaves places empty, one that gives more has frames left
// out; but the place of a keyframe is always filled.
type picture struct {
	encoder encoder
	write   func(*media.Track, ...media.Packet)
	shaper  *codec.Shaper // to the size of the first frame; nil before
	color   media.Color   // of the first frame
	fps     int           // 0 before it is known
	early   []early       // frames before that
	last    int           // place of the last frame
	held    *media.Frame  // that frame
	fresh   bool          // the next frame begins the program, or goes on after a pause
}

type early struct {
	*media.Frame
	at time.Duration
}

func newPicture(e *Env, write func(*media.Track, ...media.Packet)) picture {
	return picture{encoder: encoder{codec: media.H264, frame: &e.Video, program: true}, write: write}
}

// begin tells that the program begins, or goes on after a pause, at output time at.
func (v *picture) begin(at time.Duration) {
	v.fresh = true
	if v.held != nil {
		v.last = max(v.last, int(at*time.Duration(v.fps)/time.Second)-1)
	}
}

// show encodes a frame, which the caller keeps, for the place in the grid that is its.
func (v *picture) show(f *media.Frame, at time.Duration, fps float64) error {
	if v.fps > 0 {
		return v.place(f, at)
	}
	v.early = append(v.early, early{f.Retain(), at})
	switch {
	case fps > 0:
		return v.start(rateOf(time.Duration(float64(time.Second) / fps)))
	case len(v.early) == opening:
		var apart []time.Duration
		for i, e := range v.early[1:] {
			apart = append(apart, e.at-v.early[i].at)
		}
		slices.Sort(apart)
		return v.start(rateOf(apart[len(apart)/2]))
	}
	return nil
}

// rateOf returns the rate of the grid for frames that are so far apart.
func rateOf(apart time.Duration) int {
	for _, fps := range []int{25, 50} {
		if d := time.Second / time.Duration(fps); (apart - d).Abs() < d/16 {
			return 25
		}
	}
	return 30
}

// start begins at a rate with the frames that waited for it.
func (v *picture) start(fps int) error {
	v.fps = fps
	frames := v.early
	v.early = nil
	var failed error
	for _, e := range frames {
		if err := v.place(e.Frame, e.at); failed == nil {
			failed = err
		}
		e.Release()
	}
	return failed
}

// place finds a frame's place. The next one is taken by a frame that is near enough,
// so that frames half way between two do not take turns.
func (v *picture) place(f *media.Frame, at time.Duration) error {
	exact := at.Seconds() * float64(v.fps)
	k := int(math.Round(exact))
	if v.fresh {
		if v.held != nil && k <= v.last {
			return nil
		}
	} else {
		if next := v.last + 1; math.Abs(exact-float64(next)) <= offGrid {
			k = next
		}
		if k <= v.last {
			return nil
		}
		if err := v.fill(k - 1); err != nil {
			return err
		}
	}
	shaped, err := v.shape(f)
	if err != nil {
		return fmt.Errorf("shape a frame: %w", err)
	}
	v.held.Release()
	v.held = shaped
	return v.encode(k)
}

// hold tells that output time t has come: keyframes that are overdue are made of the last frame.
func (v *picture) hold(t time.Duration) error {
	t -= heldAfter
	switch {
	case len(v.early) > 0 && v.early[0].at < t:
		return v.start(30)
	case v.held == nil:
		return nil
	}
	return v.fill(int(t * time.Duration(v.fps) / time.Second))
}

// fill makes the keyframes up to place k of the last frame.
func (v *picture) fill(k int) error {
	every := v.keys()
	for next := (v.last/every + 1) * every; next <= k; next += every {
		if err := v.encode(next); err != nil {
			return err
		}
	}
	return nil
}

// keys is how many places apart keyframes are.
func (v *picture) keys() int { return v.fps * int(ProgramKey/time.Second) }

// encode encodes the held frame for place k.
func (v *picture) encode(k int) error {
	key := v.fresh || k%v.keys() == 0
	gap := v.fresh
	v.last, v.fresh = k, false
	at := time.Duration(k) * time.Second / time.Duration(v.fps)
	f := media.WrapFrame(v.held.Planes, nil)
	defer f.Release()
	f.PTS, f.Color = at, v.color
	p, err := v.encoder.encode(f, demand{codec: media.H264, key: key}, at, float64(v.fps))
	if err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	p.Gap, p.Duration = gap, time.Second/time.Duration(v.fps)
	v.write(v.encoder.describe(p), p)
	return nil
}

// shape returns f in the program's size, held once by the caller.
func (v *picture) shape(f *media.Frame) (*media.Frame, error) {
	if v.shaper == nil {
		v.shaper, v.color = codec.NewShaper(media.Track{}, f.Width, f.Height), f.Color
		v.shaper.Fix(f.Width, f.Height)
	}
	return v.shaper.Shape(f.Retain())
}

func (v *picture) close() {
	for _, e := range v.early {
		e.Release()
	}
	v.held.Release()
	v.held, v.early = nil, nil
	if v.shaper != nil {
		v.shaper.Close()
	}
	v.encoder.close()
}
