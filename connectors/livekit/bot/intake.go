package bot

import (
	"cmp"
	"errors"
	"io"
	"maps"
	"sync"
	"sync/atomic"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"livedub/connectors/livekit/relay"
	"livedub/connectors/livekit/wish"
)

func compare(a, b string) int { return cmp.Compare(a, b) }

// gate counts goroutines that others start, and lets none in once it is closed.
type gate struct {
	mu     *sync.Mutex
	wg     *sync.WaitGroup
	closed *bool
}

func newGate() gate { return gate{&sync.Mutex{}, &sync.WaitGroup{}, new(bool)} }

// enter tells whether a goroutine may run; it leaves by done.
func (g gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !*g.closed {
		g.wg.Add(1)
	}
	return !*g.closed
}

func (g gate) done() { g.wg.Done() }

// close lets nobody in and waits for all who are.
func (g gate) close() {
	g.mu.Lock()
	*g.closed = true
	g.mu.Unlock()
	g.wg.Wait()
}

// intake is a track that the room sends us. It is read always, and passed on to the
// stream that takes it, if one does.
type intake struct {
	sid   string
	track *webrtc.TrackRemote
	codec webrtc.RTPCodecCapability
	ask   func() // for a keyframe
	sink  atomic.Pointer[sink]
}

// sink is where an intake goes: the stream, and who sends its reports.
type sink struct {
	stream *relay.Stream
	report func(*rtcp.SenderReport)
}

// receive reads a track until it ends.
func (s *stay) receive(t *webrtc.TrackRemote, pub *lksdk.RemoteTrackPublication, p *lksdk.RemoteParticipant) {
	if !s.ended.enter() {
		return
	}
	in := &intake{sid: pub.SID(), track: t, codec: t.Codec().RTPCodecCapability, ask: func() { p.WritePLI(t.SSRC()) }}
	pub.OnRTCP(func(pkt rtcp.Packet) {
		if sr, ok := pkt.(*rtcp.SenderReport); ok {
			if to := in.sink.Load(); to != nil {
				to.report(sr)
			}
		}
	})
	s.tracks.change(func(m map[string]*intake) map[string]*intake {
		m = maps.Clone(m)
		m[in.sid] = in
		return m
	})
	s.poke()
	go func() {
		defer s.ended.done()
		guard(s.cfg.Log, "reading a track", in.read)
		s.tracks.change(func(m map[string]*intake) map[string]*intake {
			m = maps.Clone(m)
			if m[in.sid] == in {
				delete(m, in.sid)
			}
			return m
		})
		s.poke()
	}()
}

func (in *intake) read() {
	for {
		p, _, err := in.track.ReadRTP()
		if err != nil {
			if errors.Is(err, io.ErrShortBuffer) {
				continue // no packet of ours is so large
			}
			return
		}
		if to := in.sink.Load(); to != nil {
			// A peer that cannot be written to ends by itself.
			_ = to.stream.Write(p)
		}
	}
}

// subscribe has the room send the tracks of one participant that are needed, and no others.
func (s *stay) subscribe(identity string, d *wish.Dub) {
	have, _ := s.tracks.get()
	rp := s.room.GetParticipantByIdentity(identity)
	if rp == nil {
		return
	}
	for _, pub := range rp.TrackPublications() {
		remote, ok := pub.(*lksdk.RemoteTrackPublication)
		if !ok {
			continue
		}
		wanted := pub.SID() == d.Mic || pub.SID() == d.Camera
		if wanted != (have[pub.SID()] != nil) {
			_ = remote.SetSubscribed(wanted) // it is told again at the next look
		}
	}
}
