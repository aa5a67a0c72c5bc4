package clusterrig

import (
	"context"
	"fmt"
	"sync"
	"time"

	"livedub/internal/testkit/caller"
)

const (
	// Delay is D of all calls: a phrase of Tones is known in time to be spoken at its place.
	Delay    = 2 * time.Second
	dueAfter = 500 * time.Millisecond
)

// Happened is something that happened to one of a call's connections.
type Happened struct {
	At time.Time
	caller.Event
}

// Call is a session with a speaker of Tones and a listener. They come back as the page does.
type Call struct {
	Made     caller.Made
	Speaker  *caller.Speaker
	Listener *caller.Viewer
	Judge    *caller.Judge
	Fence    caller.Fence

	client *caller.Client
	ctx    context.Context // of its peers
	stop   context.CancelFunc
	all    sync.WaitGroup
	judge  sync.WaitGroup

	mu     sync.Mutex
	events []Happened
}

// Client returns a client of the cluster whose media takes the relays.
func (r *Rig) Client() *caller.Client {
	c := caller.NewClient(r.Base, "", 8)
	c.Through(r.relayOf)
	return c
}

// Call begins a call. End ends it.
func (r *Rig) Call(ctx context.Context, m *caller.Material) (*Call, error) {
	c, err := r.Quiet(ctx, m)
	if err == nil {
		c.all.Go(func() {
			c.client.Follow(c.ctx, c.Made.Control, &c.Fence, func(how caller.Move) { c.note(caller.Event{Event: "told", Role: how.String()}) }, c.Speaker, c.Listener)
		})
	}
	return c, err
}

// Quiet begins a call whose peers hear nothing of the cluster, as encoders by WHIP and
// most players by WHEP: they come back only when their connection is lost.
func (r *Rig) Quiet(ctx context.Context, m *caller.Material) (*Call, error) {
	c := &Call{client: r.Client()}
	delay := int(Delay.Milliseconds())
	var err error
	if c.Made, err = c.client.Create(ctx, caller.Wanted{From: "en", To: []string{"es"}, DelayMS: &delay, Consent: r.consent}); err != nil {
		c.client.Close()
		return nil, err
	}
	c.ctx, c.stop = context.WithCancel(ctx)
	c.Speaker = caller.NewSpeaker(m, c.client, r.peers, c.target(c.Made.WHIP, ""), c.note)
	c.Judge = caller.NewJudge(m, Delay, c.Speaker.Start, nil, nil)
	c.Listener = caller.NewViewer(c.client, r.peers, c.target(c.Made.WHEP["es"], "es"), c.Judge, c.note)
	c.judge.Go(c.Judge.Run)
	c.all.Go(func() { c.Speaker.Run(c.ctx) })
	c.all.Go(func() { c.Listener.Run(c.ctx) })
	return c, nil
}

func (c *Call) target(address, lang string) caller.Target {
	return caller.Target{Address: address, Session: c.Made.ID, Lang: lang, Fence: &c.Fence}
}

// Stay has one more listener watch the call, who never connects anew, and whose media
// takes no relay: those have room for few connections. The caller closes it.
func (r *Rig) Stay(ctx context.Context, c *Call) (*caller.Stayer, error) {
	client := caller.NewClient(r.Base, "", 1)
	defer client.Close()
	return client.Stay(ctx, r.peers, c.target(c.Made.WHEP["es"], "es"))
}

func (c *Call) note(e caller.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, Happened{time.Now(), e})
}

// Events returns what happened to the connections so far.
func (c *Call) Events() []Happened {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Happened(nil), c.events...)
}

// End ends the call and its session; one that has ended stays so.
func (c *Call) End(ctx context.Context) error {
	if c.ctx.Err() != nil {
		return nil
	}
	c.stop()
	c.all.Wait()
	c.Judge.Close(time.Now())
	c.judge.Wait()
	defer c.client.Close()
	return c.client.End(ctx, c.Made.Control)
}

// Played returns the phrases that the session tells were dubbed, by their numbers.
func (c *Call) Played(ctx context.Context) (map[int]caller.Record, error) {
	s, err := c.client.Look(ctx, c.Made.Control, &c.Fence)
	if err != nil {
		return nil, err
	}
	played := map[int]caller.Record{}
	for _, r := range s.Dubs["es"].Phrases {
		if r.Fate == "played" {
			played[r.ID] = r
		}
	}
	return played, nil
}

// hears returns what of the material is due at the listener at a moment.
func (c *Call) hears(at time.Time) time.Duration {
	began, _ := c.Speaker.Start()
	return at.Sub(began) - Delay
}

// Hearing waits until the listener has heard so many phrases one after the other, all of
// which were due after a moment, and the last of them just now.
func (c *Call) Hearing(ctx context.Context, after time.Time, phrases int, bound time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	for {
		if began, started := c.Speaker.Start(); started {
			to := time.Since(began) - Delay - dueAfter
			d := c.Judge.Dubs(max(0, c.hears(after), to-time.Duration(phrases+1)*time.Second), to)
			if to > 0 && len(d.Lost) == 0 && d.Heard >= phrases {
				return nil
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("no %d phrases in a row were heard in %v: %s", phrases, bound, c.Told())
		}
	}
}

// Told returns the events as text.
func (c *Call) Told() string {
	out := ""
	for _, e := range c.Events() {
		out += fmt.Sprintf("\n%s %s %s %s %s", e.At.Format("15:04:05.000"), e.Role, e.Event.Event, e.Lang, e.Error)
	}
	return out
}
