package main

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	reportEvery = 500 * time.Millisecond // sender reports
	retryAfter  = 500 * time.Millisecond // a connection that was lost or refused is made anew
	firstAfter  = 100 * time.Millisecond // the first keyframe waits until the server is through with its handshake, too
)

// speaker publishes the material in a loop. Its time goes on while it is not
// connected, as a camera's does: what was said meanwhile is lost.
type speaker struct {
	m      *material
	client *client
	api    *webrtc.API
	to     target
	tell   func(event) // what happened

	mu         sync.Mutex
	began      time.Time // material time 0; zero before the first connection
	connectMS  float64   // of the first
	lost       int       // connections that ended by themselves
	away       time.Duration
	frames     int
	packets    int
	keyframes  int // asked for by the server
	lag        series
	failed     error // why there is no connection, at the end
	connected  bool
	sinceAway  time.Time
	videoClock rtpClock
	audioClock rtpClock
}

// rtpClock is one track's place in RTP, which goes on over connections.
type rtpClock struct {
	base uint32
	seq  uint16
	rate int
}

func newSpeaker(m *material, c *client, api *webrtc.API, to target, tell func(event)) *speaker {
	return &speaker{m: m, client: c, api: api, to: to, tell: tell,
		videoClock: rtpClock{rand.Uint32(), uint16(rand.Uint32()), 90000}, audioClock: rtpClock{rand.Uint32(), uint16(rand.Uint32()), 48000}}
}

// at returns the RTP time of a time of the material.
func (c *rtpClock) at(t time.Duration) uint32 {
	return c.base + uint32(int64(math.Round(t.Seconds()*float64(c.rate))))
}

// start returns when the material's time 0 was; false before the first connection.
func (s *speaker) start() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.began, !s.began.IsZero()
}

// run publishes until ctx ends; a connection that ends is made anew.
func (s *speaker) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.once(ctx)
		s.note(ctx, err)
		if ctx.Err() != nil {
			return
		}
		pauseFor(ctx, retryAfter)
	}
}

// note keeps how a connection ended.
func (s *speaker) note(ctx context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		if s.connected {
			s.failed = nil
		}
		return
	}
	s.failed = err
	if s.connected {
		s.connected, s.sinceAway = false, time.Now()
		s.lost++
		s.tell(event{Event: "lost", Role: "speaker", Error: err.Error()})
	} else if s.sinceAway.IsZero() {
		s.tell(event{Event: "refused", Role: "speaker", Error: err.Error()})
	}
}

// outgoing is one track of a connection.
type outgoing struct {
	track *webrtc.TrackLocalStaticRTP
	ssrc  uint32
	clock *rtpClock
	count struct{ packets, bytes uint32 }
}

// once makes one connection and sends until it ends.
func (s *speaker) once(ctx context.Context) error {
	pc, err := s.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	var tracks [2]*outgoing
	for i, mime := range []string{webrtc.MimeTypeH264, webrtc.MimeTypeOpus} {
		if tracks[i], err = s.track(&wg, pc, mime); err != nil {
			_ = pc.GracefulClose()
			return err
		}
	}
	asked := time.Now()
	p, err := connect(ctx, s.client, pc, s.to)
	if err != nil {
		return err
	}
	defer p.close()
	s.up(time.Since(asked))
	return s.send(ctx, p, tracks[0], tracks[1])
}

// track adds a track, and has what the server says of it read.
func (s *speaker) track(wg *sync.WaitGroup, pc *webrtc.PeerConnection, mime string) (*outgoing, error) {
	o := &outgoing{clock: &s.videoClock}
	id := "video"
	if mime == webrtc.MimeTypeOpus {
		o.clock, id = &s.audioClock, "audio"
	}
	var err error
	if o.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, id, "loadgen"); err != nil {
		return nil, err
	}
	sender, err := pc.AddTrack(o.track)
	if err != nil {
		return nil, err
	}
	o.ssrc = uint32(sender.GetParameters().Encodings[0].SSRC)
	wg.Go(func() {
		for {
			packets, _, err := sender.ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range packets {
				switch p.(type) {
				case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
					s.mu.Lock()
					s.keyframes++
					s.mu.Unlock()
				}
			}
		}
	})
	return o, nil
}

// up notes a connection that was made.
func (s *speaker) up(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	e := event{Event: "connected", Role: "speaker", ConnectMS: tenth(ms(took))}
	if s.began.IsZero() {
		s.began, s.connectMS = now.Add(firstAfter), ms(took)
	} else {
		e.Event = "reconnected"
		s.away += now.Sub(s.sinceAway)
		e.GapMS = tenth(ms(now.Sub(s.sinceAway)))
	}
	s.connected, s.failed = true, nil
	s.tell(e)
}

// send sends what is due, from now on, until ctx or the connection ends.
func (s *speaker) send(ctx context.Context, p *peer, video, audio *outgoing) error {
	began, _ := s.start()
	timer := time.NewTimer(0)
	defer timer.Stop()
	now := time.Since(began)
	f, a := s.m.keyAfter(now), s.m.soundAfter(now)
	var reported time.Duration = -reportEvery
	for {
		frameAt, frame := s.m.frame(f)
		soundAt, sound := s.m.sound(a)
		due := min(frameAt, soundAt)
		timer.Reset(time.Until(began.Add(due)))
		select {
		case <-timer.C:
		case <-p.gone:
			return errGone
		case <-ctx.Done():
			return nil
		}
		lag := time.Since(began) - due
		var err error
		if soundAt <= frameAt {
			a++
			err = s.write(audio, soundAt, [][]byte{sound.data})
		} else {
			f++
			err = s.write(video, frameAt, frame.payloads)
			s.sent(lag)
		}
		if err != nil {
			return err
		}
		if due-reported >= reportEvery {
			reported = due
			if err := s.report(p, began, video, audio); err != nil {
				return err
			}
		}
	}
}

// sent counts a frame that left so much too late.
func (s *speaker) sent(lag time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames++
	s.lag.add(ms(lag))
}

// write sends the payloads of one access unit.
func (s *speaker) write(o *outgoing, at time.Duration, payloads [][]byte) error {
	for i, data := range payloads {
		header := rtp.Header{Version: 2, SequenceNumber: o.clock.seq, Timestamp: o.clock.at(at), Marker: o.clock.rate == 90000 && i == len(payloads)-1}
		o.clock.seq++
		o.count.packets++
		o.count.bytes += uint32(len(data))
		if err := o.track.WriteRTP(&rtp.Packet{Header: header, Payload: data}); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.packets += len(payloads)
	s.mu.Unlock()
	return nil
}

// report sends sender reports by the material's own clock: a frame that left
// late is not taken for one that was made late.
func (s *speaker) report(p *peer, began time.Time, tracks ...*outgoing) error {
	now := time.Now()
	var reports []rtcp.Packet
	for _, o := range tracks {
		reports = append(reports, &rtcp.SenderReport{SSRC: o.ssrc, NTPTime: toNTP(now), RTPTime: o.clock.at(now.Sub(began)),
			PacketCount: o.count.packets, OctetCount: o.count.bytes})
	}
	return p.pc.WriteRTCP(reports)
}

// frame returns frame i of the endless loop and when it is due.
func (m *material) frame(i int) (time.Duration, frame) {
	f := m.frames[i%len(m.frames)]
	return time.Duration(i/len(m.frames))*m.length + f.at, f
}

// sound likewise.
func (m *material) sound(i int) (time.Duration, sound) {
	s := m.sounds[i%len(m.sounds)]
	return time.Duration(i/len(m.sounds))*m.length + s.at, s
}

// keyAfter returns the first keyframe that is due at t or later: a connection
// begins with one.
func (m *material) keyAfter(t time.Duration) int {
	i := max(0, int(t/m.length)*len(m.frames)-1)
	for {
		if at, f := m.frame(i); at >= t && f.key {
			return i
		}
		i++
	}
}

// soundAfter returns the first packet of sound that is due at t or later.
func (m *material) soundAfter(t time.Duration) int {
	i := max(0, int(t/m.length)*len(m.sounds)-1)
	for {
		if at, _ := m.sound(i); at >= t {
			return i
		}
		i++
	}
}
