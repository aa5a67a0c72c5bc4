// Package handover breaks a cluster of real processes in one way after the other and
// measures what the listener of a call notices.
package handover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"livedub/internal/testkit/caller"
	"livedub/internal/testkit/clusterrig"
)

const (
	width, height = 320, 180
	after         = 3                // phrases in a row that show that all is well again
	bound         = 40 * time.Second // for that
	lead          = 2 * time.Second  // of a call that goes well, before it is broken
)

// Result is what a listener noticed of one fault.
type Result struct {
	Fault        string `json:"fault"`
	RTT          int64  `json:"rtt_ms"`         // between clients and the cluster
	SoundGap     int64  `json:"sound_gap_ms"`   // the longest time without any sound of the speaker or the dub
	PictureGap   int64  `json:"picture_gap_ms"` // the longest time without a frame, where over 200 ms
	SourceGap    int64  `json:"source_gap_ms"`  // from the fault until the speaker sent again; 0: it never ceased
	Phrases      int    `json:"phrases"`        // one a second, that were due from the fault until all was well
	PhrasesLost  int    `json:"phrases_lost"`
	PhrasesTwice int    `json:"phrases_twice"`
}

// Outage is what was noticed of Redis being away.
type Outage struct {
	Sessions     int     `json:"sessions"`
	AwayS        float64 `json:"away_s"`
	SessionsLost int     `json:"sessions_lost"` // not found afterwards, or their listener lost a phrase
	HealedS      float64 `json:"healed_s"`      // from its return until new sessions are made and all live ones found
}

// Figures are those of a run.
type Figures struct {
	DelayMS int64    `json:"delay_ms"` // D of the calls
	Kills   []Result `json:"kills"`
	Drains  []Result `json:"drains"`
	Redis   Outage   `json:"redis_outage"`
}

// Config says what is broken.
type Config struct {
	Bin      string          // folder with livedub and gateway
	RTTs     []time.Duration // all faults, with each of them
	Away     time.Duration   // of Redis
	Progress func(string)
}

// fault is one way to break a cluster at the node of a call.
type fault struct {
	name  string
	drain bool
	do    func(n *clusterrig.Node) error
	wait  time.Duration // until undo, which may be nil
	undo  func(r *clusterrig.Rig, n *clusterrig.Node) error
}

var kills = []fault{
	{"kill -9", false, kill, 5 * time.Second, (*clusterrig.Rig).Restart},
	{"kill -9, started again at once", false, kill, 0, (*clusterrig.Rig).Restart},
	{"stopped for 10 s", false, func(n *clusterrig.Node) error { return n.Pause() },
		10 * time.Second, func(_ *clusterrig.Rig, n *clusterrig.Node) error { return n.Resume() }},
	{"client cut off", false, (*clusterrig.Node).Cut, 0, nil},
	{"client in a black hole for 3 s", false, func(n *clusterrig.Node) error { return n.Darken(true) },
		3 * time.Second, func(_ *clusterrig.Rig, n *clusterrig.Node) error { return n.Darken(false) }},
}

func kill(n *clusterrig.Node) error {
	n.Kill()
	return nil
}

var drains = []fault{
	{"SIGTERM", true, func(n *clusterrig.Node) error { return n.Leave() },
		0, func(r *clusterrig.Rig, n *clusterrig.Node) error {
			return errors.Join(n.Wait(drainTime+bound), r.Restart(n))
		}},
}

const drainTime = 30 * time.Second

// Run breaks everything once. It returns what was measured until ctx ended or a fault
// could not be made.
func Run(ctx context.Context, c Config) (Figures, error) {
	f := Figures{DelayMS: clusterrig.Delay.Milliseconds(), Kills: []Result{}, Drains: []Result{}}
	m, err := caller.Tones(width, height)
	if err != nil {
		return f, err
	}
	for _, rtt := range c.RTTs {
		if err := faults(ctx, c, m, rtt, &f); err != nil {
			return f, err
		}
	}
	c.Progress(fmt.Sprintf("Redis is away for %v", c.Away))
	f.Redis, err = outage(ctx, c, m)
	return f, err
}

// cluster starts a cluster, and returns how to end it.
func cluster(c Config, rtt time.Duration) (*clusterrig.Rig, func() error, error) {
	dir, err := os.MkdirTemp("", "livedub-handover-")
	if err != nil {
		return nil, nil, err
	}
	r, err := clusterrig.Start(clusterrig.Config{Bin: c.Bin, Dir: dir, Nodes: 3, Gateways: 2, Places: 4, RTT: rtt, Drain: drainTime})
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return r, func() error { return errors.Join(r.Close(), os.RemoveAll(dir)) }, nil
}

// faults breaks one cluster in each way.
func faults(ctx context.Context, c Config, m *caller.Material, rtt time.Duration, f *Figures) (err error) {
	r, end, err := cluster(c, rtt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	for _, x := range slices.Concat(kills, drains) {
		c.Progress(fmt.Sprintf("%s, RTT %v", x.name, rtt))
		res, err := one(ctx, r, m, x)
		if err != nil {
			return fmt.Errorf("%s, RTT %v: %w", x.name, rtt, err)
		}
		res.RTT = rtt.Milliseconds()
		if x.drain {
			f.Drains = append(f.Drains, res)
		} else {
			f.Kills = append(f.Kills, res)
		}
	}
	return nil
}

// one makes a call, breaks it, and measures until all is well.
func one(ctx context.Context, r *clusterrig.Rig, m *caller.Material, x fault) (res Result, err error) {
	res.Fault = x.name
	call, err := r.Call(ctx, m)
	if err != nil {
		return res, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bound)
		defer cancel()
		err = errors.Join(err, call.End(ctx))
	}()
	if err := call.Hearing(ctx, time.Now().Add(lead), after, bound); err != nil {
		return res, err
	}
	n := r.Holder(ctx, call.Made.ID)
	if n == nil {
		return res, errors.New("no node holds the call")
	}
	if err := x.do(n); err != nil {
		return res, err
	}
	broken := time.Now()
	undone := make(chan error, 1)
	go func() {
		if x.undo == nil {
			undone <- nil
			return
		}
		select {
		case <-time.After(x.wait):
		case <-ctx.Done():
		}
		undone <- x.undo(r, n)
	}()
	err = call.Hearing(ctx, broken.Add(clusterrig.Delay), after, bound)
	err = errors.Join(err, <-undone)
	if err == nil && x.undo != nil { // what comes back must not disturb what goes on
		err = call.Hearing(ctx, time.Now(), after, bound)
	}
	if err != nil {
		return res, err
	}
	f := call.Figures(broken, time.Now())
	res.SoundGap, res.PictureGap, res.SourceGap = f.SoundGap.Milliseconds(), f.PictureGap.Milliseconds(), f.SourceGap.Milliseconds()
	res.Phrases, res.PhrasesLost, res.PhrasesTwice = f.Said, len(f.Lost), len(f.Twice)
	return res, nil
}
