package test

import (
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// hears tells whether a dub comes in now.
func (p *person) hears(track string) func() bool {
	before := 0
	return func() bool {
		e := p.ear(track, "audio")
		if e == nil {
			return false
		}
		sounds, _ := e.all()
		was := before
		before = len(sounds)
		return was > 0 && before > was
	}
}

// ended tells whether a dub was taken back.
func (p *person) ended(track string) func() bool {
	return func() bool {
		e := p.ear(track, "audio")
		if e == nil {
			return false
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.done
	}
}

// sessions returns how many sessions livedub has.
func (s *scene) sessions(t *testing.T) int {
	t.Helper()
	return strings.Count(get(t, s.base+"/v1/sessions"), `"epoch"`)
}

// TestWill is about who is dubbed: who agreed, for who asked, and only as long.
func TestWill(t *testing.T) {
	s := play(t, "--room", "demo")
	ana := s.come(t, "demo", "ana", nil)
	ana.speak(t, false)
	ben := s.come(t, "demo", "ben", nil)
	eventually(t, "without consent nothing is dubbed", ben.sees("ana", "no consent"))
	ana.room.LocalParticipant.SetAttributes(map[string]string{"livedub.consent": "true"})
	eventually(t, "without an asker neither", ben.sees("ana", "nobody asks for another language"))
	if n := s.sessions(t); n != 0 {
		t.Errorf("%d sessions for nobody", n)
	}
	ben.room.LocalParticipant.SetAttributes(map[string]string{"livedub.lang": "es"})
	eventually(t, "Ben hears Ana in Spanish", ben.hears("ana-es"))
	eva := s.come(t, "demo", "eva", map[string]string{"livedub.lang": "ca"})
	eventually(t, "Eva hears Ana in Catalan", eva.hears("ana-ca"))
	if eva.ear("ana-es", "audio") != nil || ben.ear("ana-ca", "audio") != nil || ana.ear("ana-es", "audio") != nil {
		t.Error("a participant got a dub that they did not ask for")
	}
	if ben.ear("ana-es", "video") != nil {
		t.Error("nobody asked for a picture")
	}
	ben.room.LocalParticipant.SetAttributes(map[string]string{"livedub.lang": ""})
	eventually(t, "what nobody asks for anymore is taken back", ben.ended("ana-es"))
	eventually(t, "and Ben is told", func() bool { return ben.hinted(`"gain":1`) })
	eventually(t, "while Eva hears on", eva.hears("ana-ca"))
	ana.room.LocalParticipant.SetAttributes(map[string]string{"livedub.consent": "false"})
	eventually(t, "revoked consent ends it", eva.ended("ana-ca"))
	eventually(t, "everybody sees it", eva.sees("ana", "no consent"))
	eventually(t, "livedub's session is over", func() bool { return s.sessions(t) == 0 })
}

// TestEncrypted: what is end-to-end encrypted is refused, with the reason.
func TestEncrypted(t *testing.T) {
	s := play(t, "--room", "demo")
	ana := s.come(t, "demo", "ana", map[string]string{"livedub.consent": "true"})
	ana.publish(t, webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, &ana.mic, livekit.Encryption_GCM)
	ben := s.come(t, "demo", "ben", map[string]string{"livedub.lang": "es"})
	eventually(t, "the refusal is shown", ben.sees("ana", "end-to-end encrypted: livedub, which would need the key, gets none"))
	if n := s.sessions(t); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// TestLeavesInMidPhrase: what was said is dubbed to its end, then all of it is gone.
func TestLeavesInMidPhrase(t *testing.T) {
	s := play(t, "--room", "demo", "--profile", "sync")
	ana := s.come(t, "demo", "ana", map[string]string{"livedub.consent": "true"})
	ana.speak(t, true)
	ben := s.come(t, "demo", "ben", map[string]string{"livedub.lang": "es"})
	eventually(t, "a first phrase is dubbed", func() bool { return len(ben.said("es")) > 0 && ben.ear("ana-es", "audio") != nil })
	before := ben.ear("ana-es", "audio")
	sounds, _ := before.all()
	ana.leave()
	eventually(t, "the dub goes on to its end, four seconds later", func() bool {
		now, _ := before.all()
		return len(now) > len(sounds)+150
	})
	eventually(t, "then it is taken back", ben.ended("ana-es"))
	eventually(t, "and the session is over", func() bool { return s.sessions(t) == 0 })
	eventually(t, "and nobody is shown", func() bool { st, ok := ben.state(); return ok && len(st.Speakers) == 1 })
}

// TestMute: who is muted for a while is dubbed again by the same tracks.
func TestMute(t *testing.T) {
	s := play(t, "--room", "demo")
	ana := s.come(t, "demo", "ana", map[string]string{"livedub.consent": "true"})
	ana.speak(t, false)
	ben := s.come(t, "demo", "ben", map[string]string{"livedub.lang": "es"})
	eventually(t, "Ben hears Ana", func() bool { return len(ben.said("es")) > 0 && ben.ear("ana-es", "audio") != nil })
	dub := ben.ear("ana-es", "audio")
	ana.mic.SetMuted(true)
	time.Sleep(3 * time.Second) // how long the mute lasts
	ana.mic.SetMuted(false)
	n := len(ben.said("es"))
	eventually(t, "Ben hears Ana again", func() bool { return len(ben.said("es")) > n+1 })
	if ben.ear("ana-es", "audio") != dub {
		t.Error("the dub has another track than before")
	}
}
