package fanout

import (
	"time"

	"livedub/media"
	"livedub/media/codec"
	"livedub/session/spec"
)

// maxFailures is how many frames in a row an encoder may fail before it is opened anew.
const maxFailures = 3

// encoderRest is how long a failed encoder rests.
const encoderRest = 500 * time.Millisecond

// encoder encodes the frames of one dub to one codec. In a live session its
// failure is that of the frame alone: one that keeps failing is closed and,
// after a rest, opened anew. It is used by one goroutine.
type encoder struct {
	codec   media.Codec
	frame   *spec.VideoConfig
	program bool                // keyframes come when asked for, and the rate may breathe between two
	video   *codec.VideoEncoder // nil before the first frame and while it rests
	track   *media.Track        // of the last packet

	lastKey  time.Duration // output time of the last keyframe
	owed     bool          // a keyframe that could not be made
	failures int           // in a row
	err      error         // the last of them
	rest     time.Duration // output time until which it is not opened
}

// encode compresses f, to be shown at output time at. While the encoder rests
// it returns the error that made it.
func (e *encoder) encode(f *media.Frame, d demand, at time.Duration, fps float64) (media.Packet, error) {
	d.key = d.key || e.owed
	if e.video == nil && e.err != nil && at < e.rest {
		e.owed = d.key
		return media.Packet{}, e.err
	}
	p, err := e.try(f, d, fps)
	e.err = err
	if err != nil {
		e.owed = d.key
		if e.failures++; e.video == nil || e.failures >= maxFailures {
			e.close()
			e.failures, e.rest = 0, at+encoderRest
		}
		return media.Packet{}, err
	}
	e.owed, e.failures = false, 0
	if p.Key {
		e.lastKey = at
	}
	p.PTS, p.DTS = at, at
	return p, nil
}

// try opens and steers the encoder as a demand needs it, and encodes f.
func (e *encoder) try(f *media.Frame, d demand, fps float64) (media.Packet, error) {
	if e.video == nil {
		c := e.frame.Encoder(e.codec, f.Width, f.Height, fps)
		c.Color = f.Color
		if e.program {
			c.KeyInterval, c.Buffer = 0, ProgramKey
		}
		v, err := codec.NewVideoEncoder(c)
		if err != nil {
			return media.Packet{}, err
		}
		e.video = v
	}
	if d.maxBitrate > 0 {
		if err := e.video.SetBitrate(min(d.maxBitrate, e.frame.Rate(f.Width, f.Height, max(fps, 25)))); err != nil {
			return media.Packet{}, err
		}
	}
	return e.video.Encode(f, d.key)
}

func (e *encoder) close() {
	if e.video != nil {
		e.video.Close()
		e.video = nil
	}
}

// describe returns the track that p, just encoded, belongs to. Parameter sets
// that are in band are told with it, for sinks that want them beside the packets.
func (e *encoder) describe(p media.Packet) *media.Track {
	t := e.video.Track()
	if len(t.Extradata) == 0 && t.Codec == media.H264 {
		if p.Key {
			t.Extradata = codec.ParameterSets(p.Data)
		} else if e.track != nil {
			t.Extradata = e.track.Extradata
		}
	}
	if e.track == nil || !sameTrack(t, *e.track) {
		e.track = &t
	}
	return e.track
}
