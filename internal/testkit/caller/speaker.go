package caller

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	reportEvery = 500 * time.Millisecond // sender reports
	retryAfter  = 500 * time.Millisecond // what was refused, or did not last, is tried again
	confirmTime = 4 * time.Second        // a server reports each second what it gets: without, the connection is lost
	firstAfter  = 100 * time.Millisecond // the first keyframe waits until the server is through with its handshake, too
)

// Speaker publishes the material in a loop. Its time goes on while it is not
// connected, as a camera's does: what was said meanwhile is lost.
type Speaker struct {
	m      *Material
	client *Client
	api    *webrtc.API
	to     Target
	tell   func(Event) // what happened
	again  chan news   // that another node holds the session

	mu         sync.Mutex
	began      time.Time // material time 0; zero before the first connection
	connectMS  float64   // of the first
	lost       int       // connections that ended by themselves
	away       time.Duration
	frames     int
	packets    int
	keyframes  int // asked for by the server
	lag        Series
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

// NewSpeaker returns a speaker that tells what happens to its connections.
func NewSpeaker(m *Material, c *Client, p Peers, to Target, tell func(Event)) *Speaker {
	return &Speaker{m: m, client: c, api: p.speaks, to: to, tell: tell, again: make(chan news, 1),
		videoClock: rtpClock{rand.Uint32(), uint16(rand.Uint32()), 90000}, audioClock: rtpClock{rand.Uint32(), uint16(rand.Uint32()), 48000}}
}

// at returns the RTP time of a time of the material.
func (c *rtpClock) at(t time.Duration) uint32 {
	return c.base + uint32(int64(math.Round(t.Seconds()*float64(c.rate))))
}

// Start returns when the material's time 0 was; false before the first connection.
func (s *Speaker) Start() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.began, !s.began.IsZero()
}

// Again has the speaker connect anew, for another node holds the session since this
// fence. Unless the one before has died, it is sent to until then.
func (s *Speaker) Again(how Move, fence int64) { push(s.again, news{how, fence}) }

// Run publishes until ctx ends; a connection that ends is made anew at once.
func (s *Speaker) Run(ctx context.Context) {
	var cur *sending
	defer func() { cur.end(true) }()
	for ctx.Err() == nil {
		began := time.Now()
		next, err := s.dial(ctx)
		switch {
		case err == nil:
			cur.halt() // no frame goes to both
			next.begin(ctx)
			cur.end(true)
			cur = next
			if err = s.stays(ctx, cur); err == nil {
				continue
			}
			cur.end(false) // a server that still is there notices; nobody waits for it
			cur = nil
		case cur != nil && cur.alive():
			pauseFor(ctx, retryAfter)
			continue
		}
		s.note(ctx, err)
		if time.Since(began) < retryAfter {
			pauseFor(ctx, retryAfter)
		}
	}
}

// stays waits until the speaker is to connect anew. The error says why the connection is lost.
func (s *Speaker) stays(ctx context.Context, cur *sending) error {
	look := time.NewTicker(confirmTime / 8)
	defer look.Stop()
	for {
		var n news
		select {
		case now := <-look.C:
			if last := cur.heard.Load(); last > 0 && now.Sub(time.Unix(0, last)) > confirmTime {
				return errUnheard
			}
			continue
		case <-ctx.Done():
			return nil
		case <-cur.done:
			if ctx.Err() != nil {
				return nil
			}
			return errGone
		case fence := <-cur.peer.moved:
			n = news{Drained, fence}
		case n = <-s.again:
		}
		if anew, lost := n.asks(cur.peer.fence); anew {
			return lost
		}
	}
}

// note keeps how a connection ended.
func (s *Speaker) note(ctx context.Context, err error) {
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
		s.tell(Event{Event: "lost", Role: "speaker", Error: err.Error()})
	} else if s.sinceAway.IsZero() {
		s.tell(Event{Event: "refused", Role: "speaker", Error: err.Error()})
	}
}

// outgoing is one track of a connection.
type outgoing struct {
	track *webrtc.TrackLocalStaticRTP
	ssrc  uint32
	clock *rtpClock
	count struct{ packets, bytes uint32 }
}

// sending is one connection, and what sends on it.
type sending struct {
	s      *Speaker
	peer   *peer
	tracks [2]*outgoing
	heard  atomic.Int64  // when the server's last report came, in Unix nanoseconds; 0: none yet
	done   chan struct{} // closed when nothing is sent any more
	stop   context.CancelFunc
	wg     sync.WaitGroup // of what reads RTCP
}

// dial makes a connection on which nothing is sent yet.
func (s *Speaker) dial(ctx context.Context) (*sending, error) {
	pc, err := s.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	out := &sending{s: s, done: make(chan struct{})}
	for i, mime := range []string{webrtc.MimeTypeH264, webrtc.MimeTypeOpus} {
		if out.tracks[i], err = s.track(out, pc, mime); err != nil {
			_ = pc.GracefulClose()
			out.wg.Wait()
			return nil, err
		}
	}
	asked := time.Now()
	if out.peer, err = connect(ctx, s.client, pc, s.to); err != nil {
		out.wg.Wait()
		return nil, err
	}
	s.up(time.Since(asked))
	return out, nil
}

// begin sends until the connection, ctx or end ends it.
func (o *sending) begin(ctx context.Context) {
	ctx, o.stop = context.WithCancel(ctx)
	o.wg.Go(func() {
		defer close(o.done)
		// That it is over is all there is to know: the speaker connects anew.
		_ = o.s.send(ctx, o.peer, o.tracks[0], o.tracks[1])
	})
}

// alive tells whether it still sends.
func (o *sending) alive() bool {
	select {
	case <-o.done:
		return false
	default:
		return true
	}
}

// halt stops sending. There may be none.
func (o *sending) halt() {
	if o != nil {
		o.stop()
		<-o.done
	}
}

// end stops sending and ends the connection. bye tells the server. There may be none.
func (o *sending) end(bye bool) {
	if o == nil {
		return
	}
	o.halt()
	o.peer.close(bye)
	o.wg.Wait()
}

// track adds a track, and has what the server says of it read.
func (s *Speaker) track(c *sending, pc *webrtc.PeerConnection, mime string) (*outgoing, error) {
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
	c.wg.Go(func() {
		for {
			packets, _, err := sender.ReadRTCP()
			if err != nil {
				return
			}
			c.heard.Store(time.Now().UnixNano())
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
func (s *Speaker) up(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	e := Event{Event: "connected", Role: "speaker", ConnectMS: Tenth(MS(took))}
	switch {
	case s.began.IsZero():
		s.began, s.connectMS = now.Add(firstAfter), MS(took)
	case s.connected:
		e.Event = "moved"
	default:
		e.Event = "reconnected"
		if !s.sinceAway.IsZero() {
			s.away += now.Sub(s.sinceAway)
			e.GapMS = Tenth(MS(now.Sub(s.sinceAway)))
		}
	}
	s.connected, s.failed = true, nil
	s.tell(e)
}

// send sends what is due, from now on, until ctx or the connection ends.
func (s *Speaker) send(ctx context.Context, p *peer, video, audio *outgoing) error {
	began, _ := s.Start()
	timer := time.NewTimer(0)
	defer timer.Stop()
	now := time.Since(began)
	f, a := s.m.keyAfter(now), s.m.soundAfter(now)
	reported := -reportEvery
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
func (s *Speaker) sent(lag time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames++
	s.lag.Add(MS(lag))
}

// write sends the payloads of one access unit.
func (s *Speaker) write(o *outgoing, at time.Duration, payloads [][]byte) error {
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
func (s *Speaker) report(p *peer, began time.Time, tracks ...*outgoing) error {
	now := time.Now()
	var reports []rtcp.Packet
	for _, o := range tracks {
		reports = append(reports, &rtcp.SenderReport{SSRC: o.ssrc, NTPTime: toNTP(now), RTPTime: o.clock.at(now.Sub(began)),
			PacketCount: o.count.packets, OctetCount: o.count.bytes})
	}
	return p.pc.WriteRTCP(reports)
}
