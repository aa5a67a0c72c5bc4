package test

import (
	"context"
	"crypto/sha256"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// person is a participant by LiveKit's own client, who knows nothing of livedub but its attributes.
type person struct {
	name string
	keep bool // what is in each frame and packet of sound
	room *lksdk.Room

	mu       sync.Mutex
	heard    map[string]*ear // by track's name and kind
	captions []*lksdk.TranscriptionSegment
	texts    []text
	hints    []string
	reading  sync.WaitGroup
	ctx      context.Context // until the participant leaves
	stop     context.CancelFunc
	speaking sync.WaitGroup
	level    atomic.Int32 // of the voice, dB below the loudest, as the sender says; 0: it is not said
	mic      *lksdk.LocalTrackPublication
	camera   *lksdk.LocalTrackPublication
}

// come joins a room with these attributes.
func (s *scene) come(t *testing.T, room, name string, attributes map[string]string) *person {
	t.Helper()
	return s.join(t, &person{name: name}, room, attributes)
}

// attend joins a room as come does, and keeps what is received.
func (s *scene) attend(t *testing.T, room, name string, attributes map[string]string) *person {
	t.Helper()
	return s.join(t, &person{name: name, keep: true}, room, attributes)
}

func (s *scene) join(t *testing.T, p *person, room string, attributes map[string]string) *person {
	t.Helper()
	p.heard = map[string]*ear{}
	p.ctx, p.stop = context.WithCancel(context.Background())
	yes := true
	grant := &auth.VideoGrant{RoomJoin: true, Room: room, CanUpdateOwnMetadata: &yes}
	token, err := auth.NewAccessToken(apiKey, apiSecret).SetVideoGrant(grant).SetIdentity(p.name).SetAttributes(attributes).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	cb := &lksdk.RoomCallback{}
	cb.OnTrackSubscribed = p.listen
	cb.OnTranscriptionReceived = func(segments []*lksdk.TranscriptionSegment, _ lksdk.Participant, _ lksdk.TrackPublication) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.captions = append(p.captions, segments...)
	}
	cb.OnDataPacket = func(d lksdk.DataPacket, _ lksdk.DataReceiveParams) {
		if u, ok := d.(*lksdk.UserDataPacket); ok && u.Topic == "livedub.hint" {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.hints = append(p.hints, string(u.Payload))
		}
	}
	p.room = lksdk.NewRoom(cb)
	if err := p.room.RegisterTextStreamHandler("lk.transcription", p.read); err != nil {
		t.Fatal(err)
	}
	if err := p.room.JoinWithToken(s.url, token, lksdk.WithLogger(logger.GetDiscardLogger())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.leave)
	return p
}

// text is a transcription that came as a text stream.
type text struct {
	text       string
	attributes map[string]string
}

func (p *person) read(r *lksdk.TextStreamReader, _ string) {
	p.reading.Go(func() {
		said := r.ReadAll()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.texts = append(p.texts, text{said, r.Info.Attributes})
	})
}

// leave leaves, and waits for all that belongs to the participant. It may be called twice.
func (p *person) leave() {
	p.stop()
	p.speaking.Wait()
	p.room.Disconnect()
	p.reading.Wait()
}

// ear is what a participant receives of one track.
type ear struct {
	mu      sync.Mutex
	keep    bool           // what is in each
	packets map[[8]byte]at // of a frame, or a packet of sound, by what is in it
	order   []at
	clock   float64 // of RTP, Hz
	ssrc    uint32
	reports []*rtcp.SenderReport
	done    bool
}

// at is when something came.
type at struct {
	hash [8]byte
	rtp  uint32
	data []byte // where the ear keeps it
}

func (p *person) listen(tr *webrtc.TrackRemote, pub *lksdk.RemoteTrackPublication, rp *lksdk.RemoteParticipant) {
	e := &ear{packets: map[[8]byte]at{}, clock: float64(tr.Codec().ClockRate), ssrc: uint32(tr.SSRC())}
	pub.OnRTCP(e.report)
	p.mu.Lock()
	e.keep = p.keep
	p.heard[pub.Name()+" "+tr.Kind().String()] = e
	p.mu.Unlock()
	p.reading.Go(func() { e.read(tr, func() { rp.WritePLI(tr.SSRC()) }) })
}

func (e *ear) report(p rtcp.Packet) {
	e.mu.Lock()
	defer e.mu.Unlock()
	// LiveKit puts the reports of several tracks into one packet.
	if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == e.ssrc {
		e.reports = append(e.reports, sr)
	}
}

// read puts frames together and notes each that is whole.
func (e *ear) read(tr *webrtc.TrackRemote, ask func()) {
	var j joiner
	if tr.Kind() == webrtc.RTPCodecTypeVideo {
		j.video = true
		ask()
	}
	for {
		p, _, err := tr.ReadRTP()
		if err != nil {
			e.mu.Lock()
			e.done = true
			e.mu.Unlock()
			return
		}
		for _, whole := range j.add(p) {
			sum := sha256.Sum256(whole.data)
			a := at{hash: [8]byte(sum[:8]), rtp: whole.rtp}
			if e.keep {
				a.data = whole.data
			}
			e.mu.Lock()
			e.packets[a.hash] = a
			e.order = append(e.order, a)
			e.mu.Unlock()
		}
	}
}

// count returns how many came, and copies of them.
func (e *ear) all() ([]at, map[[8]byte]at) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]at(nil), e.order...), maps.Clone(e.packets)
}

// ear returns what is received of a track, nil for nothing yet.
func (p *person) ear(name, kind string) *ear {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard[name+" "+kind]
}

// said returns the final captions of a language.
func (p *person) said(lang string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, c := range p.captions {
		if c.Language == lang && c.Final {
			out = append(out, c.Text)
		}
	}
	return out
}

func (p *person) hinted(part string) bool { return p.count(part) > 0 }

// count returns how many hints have a part.
func (p *person) count(part string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, h := range p.hints {
		if strings.Contains(h, part) {
			n++
		}
	}
	return n
}

// speak publishes the clip, again and again, until the participant leaves.
func (p *person) speak(t *testing.T, camera bool) {
	t.Helper()
	p.send(t, material(t), camera)
}

// send publishes a clip, sound and picture beginning at once.
func (p *person) send(t *testing.T, c clip, camera bool) {
	t.Helper()
	mic := p.publish(t, webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, &p.mic, livekit.Encryption_NONE)
	var frame *lksdk.LocalTrack
	if camera {
		frame = p.publish(t, webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, &p.camera, livekit.Encryption_NONE)
	}
	began := time.Now()
	p.speaking.Go(func() { p.play(mic, c.opus, opusTime, began) })
	if camera {
		p.speaking.Go(func() { p.play(frame, c.frames, frameTime, began) })
	}
}

func (p *person) publish(t *testing.T, codec webrtc.RTPCodecCapability, to **lksdk.LocalTrackPublication, e livekit.Encryption_Type) *lksdk.LocalTrack {
	t.Helper()
	track, err := lksdk.NewLocalTrack(codec)
	if err != nil {
		t.Fatal(err)
	}
	if *to, err = p.room.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{
		Name: strings.Split(codec.MimeType, "/")[0], Encryption: e, Stream: "camera",
	}); err != nil {
		t.Fatal(err)
	}
	return track
}

// How loud a voice is, as its sender tells: dB below the loudest.
const loud, silent = 20, 127

// play sends pieces at their pace, again and again, until the participant leaves.
func (p *person) play(to *lksdk.LocalTrack, pieces [][]byte, each time.Duration, began time.Time) {
	for i := 0; p.ctx.Err() == nil; i++ {
		if d := time.Until(began.Add(time.Duration(i) * each)); d > 0 {
			select {
			case <-p.ctx.Done():
				return
			case <-time.After(d):
			}
		}
		var opts *lksdk.SampleWriteOptions
		if level := uint8(p.level.Load()); level != 0 {
			if i/50%5 == 4 { // a voice pauses
				level = silent
			}
			opts = &lksdk.SampleWriteOptions{AudioLevel: &level}
		}
		// A track that is not bound yet takes nothing.
		_ = to.WriteSample(media.Sample{Data: pieces[i%len(pieces)], Duration: each}, opts)
	}
}
