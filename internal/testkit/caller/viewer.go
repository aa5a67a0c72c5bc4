package caller

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	freezeTime  = 200 * time.Millisecond // the picture stands still when no frame comes for longer
	gapTime     = 100 * time.Millisecond // and sound has a gap
	stallTime   = 500 * time.Millisecond // without sound, once there was some, a viewer connects anew
	pliEvery    = 500 * time.Millisecond // keyframes are asked for
	switchTime  = 2 * time.Second        // a viewer that moves waits so long for a silence
	pictureTime = 10 * time.Second       // and so long for a picture
	maxPauses   = 1000                   // kept of each kind
)

// Viewer watches one language and measures what comes.
type Viewer struct {
	client *Client
	api    *webrtc.API
	to     Target
	judge  *Judge // nil: nothing is decoded
	tell   func(Event)
	again  chan news // that another node holds the session

	mu         sync.Mutex
	shown      *watching // what is looked at; nil before the first
	number     int       // connections made
	connectMS  float64
	connected  bool
	reached    bool // it was connected once
	lost       int
	moved      int // connections made before the one before was let go
	failed     error
	asked      time.Time // the first request
	firstMS    float64   // from that to the first whole frame; 0: none came
	lastFrame  time.Time
	lastSound  time.Time
	frames     int
	sounds     int
	freezes    int
	frozen     time.Duration
	gaps       int
	gapMax     time.Duration
	stills     []Pause // freezes
	silences   []Pause // gaps
	plis       int
	lastPLI    time.Time
	codec      string
	lostFrames int // packets
	lostSounds int
	damaged    int
	latency    time.Duration // of the last packet of sound, by sender reports
	heard      bool
	arrival    Series // how much later than sound of the same time a frame comes, ms
}

// Pause is a time in which nothing came.
type Pause struct{ From, To time.Time }

// NewViewer returns a viewer whose judge, which may be nil, is the caller's to run.
func NewViewer(c *Client, p Peers, to Target, j *Judge, tell func(Event)) *Viewer {
	return &Viewer{client: c, api: p.watches, to: to, judge: j, tell: tell, again: make(chan news, 1)}
}

// Again has the viewer connect anew, for another node holds the session since this
// fence. Unless the one before has died, it is watched until the new one has a picture
// and nobody speaks.
func (v *Viewer) Again(how Move, fence int64) { push(v.again, news{how, fence}) }

// Run watches until ctx ends; a connection that ends is made anew at once.
func (v *Viewer) Run(ctx context.Context) {
	v.asked = time.Now()
	var cur *watching // watched while the next is made; nil: none is
	var why error     // the next is made: errStalled; nil: it moves
	defer func() {
		v.stop(time.Now())
		cur.end(true)
	}()
	for ctx.Err() == nil {
		began := time.Now()
		next, err := v.dial(ctx)
		switch {
		case err != nil || cur == nil:
		case why == nil:
			if err = v.wait(ctx, cur, next); err != nil {
				next.end(!errors.Is(err, errDied))
			}
		case !cur.stalled(): // it sounds again
			next.end(true)
			next = cur
		default:
			v.note(why)
		}
		if err == nil {
			if next != cur {
				v.show(next, time.Since(began))
				cur.end(why == nil)
			}
			cur = next
			why = v.stays(ctx, cur)
			err = why
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil && !errors.Is(err, errStalled) && (cur == nil || cur == next || cur.over()) {
			v.note(err)
			cur.end(false) // a server that still is there notices; nobody waits for it
			cur = nil
		}
		if err != nil && time.Since(began) < retryAfter {
			pauseFor(ctx, retryAfter)
		}
	}
}

// note keeps why there is no connection.
func (v *Viewer) note(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failed, v.shown = err, nil
	if v.connected {
		v.connected = false
		v.lost++
		v.tell(Event{Event: "lost", Role: "viewer", Error: err.Error()})
	} else if !v.reached {
		v.tell(Event{Event: "refused", Role: "viewer", Error: err.Error()})
	}
}

// stop counts what stands still at the end.
func (v *Viewer) stop(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.freeze(now)
	v.gap(now)
}

// stays waits until the viewer is to connect anew. The error says why the connection is
// lost; without one it is good until there is another.
func (v *Viewer) stays(ctx context.Context, cur *watching) error {
	stall := time.NewTimer(stallTime)
	defer stall.Stop()
	for {
		var n news
		select {
		case <-ctx.Done():
			return nil
		case <-cur.peer.gone:
			return errGone
		case <-stall.C:
			if cur.stalled() {
				return errStalled
			}
			stall.Reset(stallTime / 10)
			continue
		case fence := <-cur.peer.moved:
			n = news{Drained, fence}
		case n = <-v.again:
		}
		if anew, lost := n.asks(cur.peer.fence); anew {
			return lost
		}
	}
}

// wait waits until next can take cur's place: it has a picture, and nobody speaks.
func (v *Viewer) wait(ctx context.Context, cur, next *watching) error {
	bound := time.NewTimer(pictureTime)
	defer bound.Stop()
	look := time.NewTicker(pictureTime / 100)
	defer look.Stop()
	for ready := false; !ready; {
		select {
		case <-next.ready:
			ready = true
		case <-cur.peer.gone: // there is nothing to wait for
			return nil
		case <-next.peer.gone:
			return errGone
		case <-look.C:
			if next.peer.overtaken(v.to.Fence) {
				return errDied
			}
		case <-bound.C:
			ready = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if v.judge == nil {
		return nil
	}
	for until := time.Now().Add(switchTime); time.Now().Before(until) && !v.judge.quiet() && ctx.Err() == nil; {
		pauseFor(ctx, opusFrame)
	}
	return nil
}

// show makes a connection the one that is looked at.
func (v *Viewer) show(w *watching, took time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shown = w
	e := Event{Event: "connected", Role: "viewer", Lang: v.to.Lang, ConnectMS: Tenth(MS(took))}
	switch {
	case v.connected:
		e.Event = "moved"
		v.moved++
	case v.reached:
		e.Event = "reconnected"
	default:
		v.connectMS = MS(took)
	}
	v.connected, v.reached, v.failed = true, true, nil
	v.tell(e)
	for _, u := range w.since {
		v.judge.prime(w.number, w.codec, u)
	}
	w.since = nil
}

// frame counts a whole frame; v.mu is held.
func (v *Viewer) frame(u unit, sent time.Time, mapped bool) {
	v.freeze(u.at)
	if v.frames == 0 {
		v.firstMS = MS(u.at.Sub(v.asked))
		v.tell(Event{Event: "first_frame", Role: "viewer", Lang: v.to.Lang, FirstFrameMS: Tenth(v.firstMS)})
	}
	v.frames++
	v.lastFrame = u.at
	if mapped && v.heard {
		v.arrival.Add(MS(u.at.Sub(sent) - v.latency))
	}
}

// freeze counts the time since the last frame, if it was too long; v.mu is held.
func (v *Viewer) freeze(now time.Time) {
	if d := now.Sub(v.lastFrame); !v.lastFrame.IsZero() && d > freezeTime {
		v.freezes++
		v.frozen += d
		v.stills = keep(v.stills, Pause{v.lastFrame, now})
		v.tell(Event{Event: "freeze", Role: "viewer", Lang: v.to.Lang, GapMS: Tenth(MS(d))})
	}
}

// gap likewise, of sound.
func (v *Viewer) gap(now time.Time) {
	if d := now.Sub(v.lastSound); !v.lastSound.IsZero() && d > gapTime {
		v.gaps++
		v.gapMax = max(v.gapMax, d)
		v.silences = keep(v.silences, Pause{v.lastSound, now})
		v.tell(Event{Event: "gap", Role: "viewer", Lang: v.to.Lang, GapMS: Tenth(MS(d))})
	}
}

// keep adds a pause while there is room.
func keep(all []Pause, p Pause) []Pause {
	if len(all) < maxPauses {
		all = append(all, p)
	}
	return all
}

// Paused returns the pauses until now, longer than 200 ms in the picture and 100 ms in
// the sound; one that lasts ends now.
func (v *Viewer) Paused() (picture, sound []Pause) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	picture, sound = slices.Clone(v.stills), slices.Clone(v.silences)
	if now.Sub(v.lastFrame) > freezeTime {
		picture = append(picture, Pause{v.lastFrame, now})
	}
	if now.Sub(v.lastSound) > gapTime {
		sound = append(sound, Pause{v.lastSound, now})
	}
	return picture, sound
}

// Came returns how many frames and packets of sound were looked at.
func (v *Viewer) Came() (frames, sounds int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.frames, v.sounds
}
