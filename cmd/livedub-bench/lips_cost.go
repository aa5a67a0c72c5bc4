package main

import (
	"context"
	"errors"
	"runtime"
	"time"

	"livedub/inference"
	"livedub/inference/lips"
	"livedub/inference/viseme"
	"livedub/internal/proc"
	"livedub/media"
	"livedub/media/codec"
)

// The size at which CPU time is taken.
const costWidth, costHeight = 1280, 720

// costs takes the CPU time of one clip at 1280x720: of tracking, learning and
// rendering, of rendering once more for a second language, and of encoding and
// decoding the same frames, all on this goroutine's thread.
func (b *lipsBench) costs(ctx context.Context, path string, f *lipsFigures) error {
	c, err := readLipsClip(ctx, path, costWidth, costHeight, true, b.cost)
	if err != nil {
		return err
	}
	defer c.release()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runtime.GC() // its work is not what is measured
	n := int(b.cost.Seconds() * c.fps)
	floor, err := c.floor(ctx, b, n)
	if err != nil {
		return err
	}
	first, second, err := c.rendering(ctx, b, n)
	if err != nil {
		return err
	}
	f.Floor, f.CPU, f.SecondCPU = milliseconds(floor, n), milliseconds(first, n), milliseconds(second, n)
	f.TotalCPU = f.Floor + f.CPU
	return nil
}

// floor is what n frames cost to encode and decode.
func (c *lipsClip) floor(ctx context.Context, b *lipsBench, n int) (time.Duration, error) {
	enc, err := codec.NewVideoEncoder(b.frame.Encoder(media.H264, costWidth, costHeight, c.fps))
	if err != nil {
		return 0, err
	}
	defer enc.Close()
	dec, err := codec.NewVideoDecoder(enc.Track())
	if err != nil {
		return 0, err
	}
	defer dec.Close()
	var spent time.Duration
	for i := range n {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		f := c.at(i)
		before := proc.ThreadCPU()
		p, err := enc.Encode(f, false)
		var frames []*media.Frame
		if err == nil {
			frames, err = dec.Decode(p)
		}
		spent += proc.ThreadCPU() - before
		f.Release()
		for _, g := range frames {
			g.Release()
		}
		if err != nil {
			return 0, err
		}
	}
	return spent, nil
}

// rendering is what n frames cost to track, learn from and render, and to render once more.
func (c *lipsClip) rendering(ctx context.Context, b *lipsBench, n int) (first, second time.Duration, err error) {
	faces, err := b.faces.Open(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer faces.Close()
	engine := b.lips(lips.Config{Exclude: c.near})
	defer engine.Close()
	mouths, err := engine.Open(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer mouths.Close()
	var dubs [2]inference.LipsStream
	for i := range dubs {
		if dubs[i], err = mouths.Dub(ctx); err != nil {
			return 0, 0, err
		}
		defer dubs[i].Close()
	}
	step := c.step()
	shown := 0
	show := func() error {
		src := c.at(shown)
		defer src.Release()
		shown++
		before := proc.ThreadCPU()
		seen := faces.Faces(src.PTS)
		known, err := mouths.Learn(ctx, src, seen)
		first += proc.ThreadCPU() - before
		if err != nil {
			return err
		}
		var plan []inference.MouthShape
		for t := time.Duration(0); t < lipsAhead; t += step {
			plan = append(plan, viseme.At(b.marks, src.PTS+t))
		}
		for i, spent := range []*time.Duration{&first, &second} {
			before := proc.ThreadCPU()
			f := src.Clone() // as a session does
			_, err := dubs[i].Render(ctx, inference.LipsRequest{Frame: f, Faces: seen, Snapshot: known, Mouth: plan, Amount: 1, Step: step})
			f.Release()
			*spent += proc.ThreadCPU() - before
			if err != nil {
				return err
			}
		}
		return nil
	}
	for i := range n {
		f := c.at(i)
		before := proc.ThreadCPU()
		err = errors.Join(ctx.Err(), faces.Track(ctx, f))
		first += proc.ThreadCPU() - before
		at := f.PTS
		f.Release()
		for err == nil && time.Duration(shown)*step < at-inference.FaceWindow {
			err = show()
		}
		if err != nil {
			return 0, 0, err
		}
	}
	for shown < n {
		if err := show(); err != nil {
			return 0, 0, err
		}
	}
	return first, second, nil
}
