package video

import (
	"context"
	"errors"
	"math"

	"livedub/inference"
	"livedub/internal/guard"
	"livedub/media"
	"livedub/session/spec"
	"livedub/session/work"
)

// faceTracking follows the faces of one source. Where time goes on, frames
// wait for the tracker in a queue of their own; the oldest go unseen where it
// does not keep up, and the mouths in them untouched.
type faceTracking struct {
	*Input
	stream inference.FaceStream      // nil where it could not be opened
	queue  *work.Queue[*media.Frame] // nil where frames wait for the tracker
}

// facesAhead is how much of the frames may wait for the tracker: a frame is
// decoded LookAhead before it is due, and its faces are wanted earlier than that.
const facesAhead = spec.LookAhead - inference.FaceWindow

// newFaceTracking opens a stream of the session's tracker. Where that fails, frames go untouched.
func newFaceTracking(ctx context.Context, in *Input) *faceTracking {
	t := &faceTracking{Input: in}
	stream, err := work.Call(ctx, t.stage, work.Within(in.env.Pacing.Limit(spec.LookAhead)), func(ctx context.Context) (inference.FaceStream, error) {
		stream, err := in.env.Faces.Open(ctx)
		if err == nil && ctx.Err() != nil { // nobody waits for it any more
			return nil, errors.Join(ctx.Err(), stream.Close())
		}
		return stream, err
	})
	if err != nil {
		in.env.Fail("face", err)
		return t
	}
	t.stream = stream
	if in.env.Pacing.Drops() {
		t.queue = work.NewQueue(func(q []*media.Frame) bool { return q[len(q)-1].PTS-q[0].PTS > facesAhead })
		in.env.Loose.Run(func() { t.run(context.WithoutCancel(ctx)) })
	}
	return t
}

// look has the tracker see f, now or as soon as it can.
func (t *faceTracking) look(ctx context.Context, f *media.Frame) {
	switch {
	case t.stream == nil:
	case t.queue == nil:
		t.track(ctx, f)
	default:
		dropped := t.queue.Force(f.Retain())
		release(dropped)
		if len(dropped) > 0 {
			t.stage.Drop(len(dropped))
			t.env.Out.FacesSlow(f.PTS)
		}
	}
}

// run tracks what is queued until close.
func (t *faceTracking) run(ctx context.Context) {
	defer t.stream.Close()
	for {
		f, err := t.queue.Next(ctx)
		if err != nil {
			return
		}
		t.stage.Begin(f.PTS + t.env.Config.Delay - spec.LookAhead)
		bound, cancel := context.WithTimeout(ctx, spec.LookAhead)
		t.track(bound, f)
		cancel()
		t.stage.Done()
		f.Release()
	}
}

func (t *faceTracking) track(ctx context.Context, f *media.Frame) {
	err := t.env.Meter.Do("face", func() error {
		return guard.Do("face", func() error { return t.stream.Track(ctx, f) })
	})
	if err != nil && ctx.Err() == nil {
		t.env.Fail("face", err) // no faces: the frame goes untouched
	}
}

var errNoFace = errors.New("face tracker output contains NaN, Inf or points far outside the frame")

// faces returns those of a frame.
func (t *faceTracking) faces(f *media.Frame) ([]inference.Face, error) {
	if t.stream == nil {
		return nil, nil
	}
	faces := t.stream.Faces(f.PTS)
	for i := range faces {
		a := &faces[i]
		for _, v := range []float64{a.Center.X, a.Center.Y, a.Size, a.LeftEye.X, a.LeftEye.Y, a.RightEye.X, a.RightEye.Y, a.Nose.X, a.Nose.Y,
			a.MouthLeft.X, a.MouthLeft.Y, a.MouthRight.X, a.MouthRight.Y, a.UpperLip.X, a.UpperLip.Y, a.LowerLip.X, a.LowerLip.Y, a.Yaw, a.Pitch, a.Roll} {
			if math.IsNaN(v) || math.Abs(v) > 4*float64(f.Width+f.Height) {
				return nil, errNoFace
			}
		}
	}
	return faces, nil
}

// close ends the tracking; nobody may look anymore.
func (t *faceTracking) close() {
	switch {
	case t.stream == nil:
	case t.queue == nil:
		t.stream.Close()
	default:
		release(t.queue.Rest())
	}
}
