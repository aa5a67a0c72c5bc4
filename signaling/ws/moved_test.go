package ws

import (
	"testing"

	"livedub/signaling"
	"livedub/signaling/signalingtest"
)

// TestMoved: who is connected hears that the session goes on at another node.
func TestMoved(t *testing.T) {
	events := make(chan signaling.Event, 2)
	closed := make(chan struct{})
	r := open(t, func(c *Config, _ *signalingtest.Desk) {
		c.Events = func(id string, since signaling.Since) (signaling.Events, error) {
			if id != "talk" || since.Resume {
				t.Errorf("events of %q since %+v", id, since)
			}
			return signalingtest.Events{C: events, Closed: func() { close(closed) }}, nil
		}
	})
	c := r.dial()
	c.offer("view", "talk", "lang", "es")
	c.hear("answer")
	events <- signaling.Event{Caption: &signaling.Caption{Text: "not told here"}}
	events <- signaling.Event{Moved: &signaling.Moved{Fence: 1 << 52}}
	if m := c.hear("moved"); m["session"] != "talk" || m["fence"] != float64(1<<52) || m["v"] != 1. {
		t.Errorf("%v", m)
	}
	c.say(`{"v":1,"type":"ping"}`) // it goes on
	c.hear("pong")
	c.say(`{"v":1,"type":"bye"}`)
	<-closed
}
