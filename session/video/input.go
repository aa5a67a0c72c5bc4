// Package video sees a session's sources: it decodes each frame once, shortly
// before it is due, finds the faces in it, learns from their mouths, and gives
// it to every dub when it is due.
package video

import (
	"context"
	"time"

	"livedub/inference"
	"livedub/media"
	"livedub/session/ingest"
	"livedub/session/spec"
	"livedub/session/work"
)

// Env is what the video of a session has of it.
type Env struct {
	*work.Shared
	Config *spec.Config
	Faces  inference.FaceTracker // used where mouths are made
	Mouths *Mouths
	Out    Out
}

// Out is what sees a source's frames.
type Out interface {
	// Offer takes a frame, which stays the caller's; late tells that it comes too late to be shown.
	Offer(ctx context.Context, f Frame, late bool)
	// FacesSlow is told that a frame of source time at went without faces.
	FacesSlow(at time.Duration)
	// Shown is told that all frames of a source were offered.
	Shown()
}

// Frame is one decoded frame with the faces in it, shared by all dubs.
type Frame struct {
	Pixels   *media.Frame
	Faces    []inference.Face
	Snapshot inference.Snapshot // of the mouths in it
	FPS      float64            // nominal, of the source; 0 for unknown
}

// Input is what the sources of one session have in common, that are seen one
// after the other.
type Input struct {
	env    Env
	stage  *work.Stage // the face tracker
	seeing ingest.Turn // D longer than one is heard
}

// NewInput returns the input of a session without sources.
func NewInput(e Env) *Input {
	return &Input{env: e, stage: e.Stage("face"), seeing: ingest.NewTurn()}
}

// Start adds to g what sees src, whose frames come by delayed, until its end.
func (in *Input) Start(g *work.Group, src media.Source, delayed *work.Queue[media.Packet]) {
	p := &pipeline{Input: in, src: src, delayed: delayed, ahead: make(chan Frame, 30)}
	g.Run("see", p.run)
}

// End waits until no source is seen. None will be anymore.
func (in *Input) End() { in.seeing.End() }

// Stage returns the stage of the face tracker.
func (in *Input) Stage() *work.Stage { return in.stage }
