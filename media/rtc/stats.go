package rtc

import (
	"time"

	"livedub/media"
)

// PublisherStats count what a publisher sent since it connected.
type PublisherStats struct {
	Packets   uint64 `json:"packets"`   // of RTP
	Bytes     uint64 `json:"bytes"`     // of their payloads
	Lost      uint64 `json:"lost"`      // of those, never came or came too late
	Recovered uint64 `json:"recovered"` // came again after a NACK
	Late      uint64 `json:"late"`      // came twice, or after they were given up
	Frames    uint64 `json:"frames"`    // access units handed on, audio and video
	Dropped   uint64 `json:"dropped"`   // damaged, undecodable without what was lost, or not read in time
	PLIs      uint64 `json:"plis"`      // keyframes asked for
	NACKs     uint64 `json:"nacks"`     // packets asked for again
	Jumps     int    `json:"jumps"`     // of the sender's clock

	Aligned     bool          `json:"aligned"`       // audio and video stand together by sender reports
	AudioLag    time.Duration `json:"audio_lag"`     // how much earlier than its earliest arrival sound stands, <= 0
	VideoLag    time.Duration `json:"video_lag"`     // likewise frames
	AudioToSlew time.Duration `json:"audio_to_slew"` // correction that is still to be slewed
	VideoToSlew time.Duration `json:"video_to_slew"`
}

// Stats returns the counters so far.
func (p *Publisher) Stats() PublisherStats {
	s := PublisherStats{Aligned: p.times.Aligned(), Dropped: p.queue.Drops()}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.PLIs = p.asked
	for kind, in := range p.inputs {
		c := &in.receiver.stats
		s.Packets += c.packets.Load()
		s.Bytes += c.bytes.Load()
		s.Lost += c.lost.Load()
		s.Recovered += c.recovered.Load()
		s.Late += c.late.Load()
		s.Frames += c.frames.Load()
		s.Dropped += c.dropped.Load()
		s.PLIs += c.plis.Load()
		s.NACKs += c.nacks.Load()
		missing, lag, jumps := in.time.Figures()
		s.Jumps += jumps
		if kind == media.Audio {
			s.AudioToSlew, s.AudioLag = missing, lag
		} else {
			s.VideoToSlew, s.VideoLag = missing, lag
		}
	}
	return s
}

// ViewerStats count what a viewer was sent since it connected.
type ViewerStats struct {
	Frames    uint64        `json:"frames"`    // access units sent, audio and video
	Packets   uint64        `json:"packets"`   // of RTP
	Bytes     uint64        `json:"bytes"`     // of their payloads
	Dropped   uint64        `json:"dropped"`   // access units that found the queue full, or lacked their keyframe
	Keyframes uint64        `json:"keyframes"` // asked for by the viewer
	Bitrate   int           `json:"bitrate"`   // estimated room for frames, bit/s
	Loss      float64       `json:"loss"`      // of packets, as last reported, 0..1: of frames', or of sound's while none are sent
	RTT       time.Duration `json:"rtt"`       // as last measured; 0 if never
}

// Totals are sums over peers.
type Totals struct {
	In  PublisherStats // its counters only
	Out ViewerStats    // likewise
}

// add adds one peer's stats.
func (t *Totals) add(stats any) {
	switch s := stats.(type) {
	case PublisherStats:
		t.In.Packets += s.Packets
		t.In.Bytes += s.Bytes
		t.In.Lost += s.Lost
		t.In.Recovered += s.Recovered
		t.In.Late += s.Late
		t.In.Frames += s.Frames
		t.In.Dropped += s.Dropped
		t.In.PLIs += s.PLIs
		t.In.NACKs += s.NACKs
		t.In.Jumps += s.Jumps
	case ViewerStats:
		t.Out.Frames += s.Frames
		t.Out.Packets += s.Packets
		t.Out.Bytes += s.Bytes
		t.Out.Dropped += s.Dropped
		t.Out.Keyframes += s.Keyframes
	}
}
