package test

import (
	"encoding/json"
	"testing"
	"time"

	"livedub/connectors/livekit/bot"
)

// state returns what the connector shows in the room, as a participant sees it.
func (p *person) state() (bot.State, bool) {
	for _, rp := range p.room.GetRemoteParticipants() {
		if text := rp.Attributes()[bot.StateAttribute]; text != "" {
			var s bot.State
			return s, json.Unmarshal([]byte(text), &s) == nil
		}
	}
	return bot.State{}, false
}

func (p *person) sees(speaker, state string) func() bool {
	return func() bool {
		s, ok := p.state()
		return ok && s.Speakers[speaker].State == state
	}
}

// TestOneDub is the thinnest true case: one speaks, one listens.
func TestOneDub(t *testing.T) {
	s := play(t, "--room", "demo", "--from", "en")
	ana := s.come(t, "demo", "ana", map[string]string{"livedub.consent": "true"})
	ana.speak(t, true)
	ben := s.come(t, "demo", "ben", map[string]string{"livedub.lang": "es", "livedub.video": "true"})
	eventually(t, "Ana is dubbed", ben.sees("ana", "dubbed"))
	eventually(t, "Ben hears and sees Ana in Spanish", func() bool {
		a, v := ben.ear("ana-es", "audio"), ben.ear("ana-es", "video")
		if a == nil || v == nil {
			return false
		}
		sounds, _ := a.all()
		frames, _ := v.all()
		return len(sounds) > 300 && len(frames) > 100
	})
	eventually(t, "Ben reads Ana in Spanish", func() bool { return len(ben.said("es")) > 0 })
	t.Log(ben.said("es"))
	first := ben.said("es")[0]
	eventually(t, "as a text stream too", func() bool {
		ben.mu.Lock()
		defer ben.mu.Unlock()
		for _, x := range ben.texts {
			if x.text == first && x.attributes["lk.transcription_final"] == "true" && x.attributes["livedub.speaker"] == "ana" && x.attributes["lk.transcribed_track_id"] == ana.mic.SID() {
				return true
			}
		}
		return false
	})
	eventually(t, "Ben is told to turn the original down", func() bool { return ben.hinted(`"gain":0`) })
	time.Sleep(time.Second)
}
