package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"

	"livedub/connectors/livekit/doors"
)

// HintTopic is the topic of the messages that tell listeners how loud the original is to
// be: a Hint as JSON.
const HintTopic = "livedub.hint"

// Hint tells a listener of one language about one speaker. The dub carries the original
// below the voice, and in its place where nothing is dubbed.
type Hint struct {
	V       int     `json:"v"` // 1
	Speaker string  `json:"speaker"`
	Lang    string  `json:"lang"`
	Gain    float64 `json:"gain"` // of the speaker's own tracks: 0 while the dub is there, 1 when it is not
	Phrase  *Phrase `json:"phrase,omitempty"`
}

// Phrase is a phrase that the dub will say. It is heard by a receiver as much later as
// media takes to get there.
type Phrase struct {
	ID    int `json:"id"`
	InMS  int `json:"in_ms"`
	ForMS int `json:"for_ms"`
}

// maxFinal is how many final captions are remembered: many times what can still come again.
const maxFinal = 512

// follow passes the session's events on into the room, until ctx or the session ends.
func (d *dubbing) follow(ctx context.Context, end context.CancelCauseFunc) {
	session, _ := d.session.get()
	var stream doors.Stream
	clear(d.final)
	var clock clock
	for ctx.Err() == nil {
		if now, err := d.s.cfg.Livedub.Look(ctx, session); err == nil {
			clock = since(now.Now)
		}
		err := stream.Follow(ctx, d.s.cfg.Livedub, session.Events, func(e doors.Event) { d.tell(session, clock, e) })
		if errors.Is(err, doors.ErrEnded) || doors.Gone(err) {
			end(fmt.Errorf("the session is over: %w", err))
			return
		}
		pause(ctx, minRetry)
	}
}

// clock tells the session's time.
type clock time.Time

func since(now float64) clock { return clock(time.Now().Add(-seconds(now))) }

func (c clock) until(at float64) time.Duration {
	return time.Until(time.Time(c).Add(seconds(at)))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// tell passes one event on to those whom it concerns.
func (d *dubbing) tell(session doors.Session, c clock, e doors.Event) {
	switch e.Kind {
	case "caption":
		d.caption(session, e.Caption)
	case "spoken":
		d.hint(e.Spoken.Lang, Hint{Gain: 0, Phrase: &Phrase{
			ID: e.Spoken.ID, InMS: int(c.until(e.Spoken.Start).Milliseconds()), ForMS: int(1000 * (e.Spoken.End - e.Spoken.Start)),
		}}, nil)
	case "moved":
		d.moved.change(func(n int) int { return n + 1 })
	case "ladder":
		d.s.cfg.Log.Info("ladder", "speaker", d.id, "lang", e.Ladder.Lang, "level", e.Ladder.Level, "why", e.Ladder.Why)
	}
}

// caption sends a caption as a transcription of the speaker's voice.
func (d *dubbing) caption(session doors.Session, c doors.Caption) {
	id := fmt.Sprintf("%s-%s-%d", session.ID, c.Lang, c.ID)
	// What is final comes again where its dub is given up.
	if d.final[id] {
		return
	}
	if c.Final {
		if len(d.final) == maxFinal {
			clear(d.final)
		}
		d.final[id] = true
	}
	to := d.s.listeners(d.id, c.Lang)
	if len(to) == 0 {
		return
	}
	want, _ := d.want.get()
	for _, p := range transcription(d.id, want.Mic, id, c) {
		d.send(p, to)
	}
}

// hint sends a hint to those who listen, or to these of them.
func (d *dubbing) hint(lang string, h Hint, to []string) {
	if to == nil {
		to = d.s.listeners(d.id, lang)
	}
	if len(to) == 0 {
		return
	}
	h.V, h.Speaker, h.Lang = 1, d.id, lang
	text, err := json.Marshal(h)
	if err != nil {
		return
	}
	d.send(&lksdk.UserDataPacket{Payload: text, Topic: HintTopic}, to)
}

func (d *dubbing) send(p lksdk.DataPacket, to []string) {
	err := d.s.room.LocalParticipant.PublishDataPacket(p, lksdk.WithDataPublishReliable(true), lksdk.WithDataPublishDestination(to))
	if err != nil {
		d.s.cfg.Log.Debug("a message was not sent", "speaker", d.id, "err", err)
	}
}
