package session

import (
	"slices"
	"sync/atomic"
	"time"

	"livedub/media"
	"livedub/session/timeline"
)

// Attachment is a sink's place at a dub.
type Attachment struct {
	outlet       *outlet
	sink         media.Sink
	video, audio media.Codec

	key  atomic.Bool  // a keyframe is asked for
	room atomic.Int64 // bit/s that the sink has for pictures; 0 for unknown

	// Guarded by the outlet's lock.
	seeing bool // has had a keyframe since it last saw nothing
}

// minRoom is the bitrate below which nobody is made to look: a viewer with
// less gets sound and captions, and does not pull the others down.
const minRoom = 300_000

// keyApart is how far apart the keyframes that viewers ask for are at least: one
// serves all who ask, and many who ask in turn do not make every picture one.
const keyApart = 500 * time.Millisecond

// Keyframe asks for a keyframe: with the next picture, or keyApart after the last one.
func (a *Attachment) Keyframe() { a.key.Store(true) }

// Room tells how many bits a second the sink has for pictures.
func (a *Attachment) Room(bps int) { a.room.Store(int64(bps)) }

// Detach takes the sink away and closes it. It may be called more than once.
func (a *Attachment) Detach() {
	o := a.outlet
	o.mu.Lock()
	defer o.unlock()
	if i := slices.Index(o.attached, a); i >= 0 {
		o.attached = slices.Delete(o.attached, i, i+1)
		o.sinks.Store(int32(len(o.attached)))
		o.left = append(o.left, a.sink)
	}
}

// liveTracks announces what a live sink will get: what it takes.
func (a *Attachment) liveTracks() []media.Track {
	var out []media.Track
	if a.video != "" {
		out = append(out, media.Track{Kind: media.Video, Codec: a.video})
	}
	if a.audio != "" {
		out = append(out, media.Track{Kind: media.Audio, Codec: a.audio, SampleRate: timeline.Rate, Channels: 1})
	}
	return out
}

// takes tells whether the sink gets p; a picture is of the codec c.
func (a *Attachment) takes(c media.Codec, p media.Packet) bool {
	if p.Kind == media.Audio {
		return a.audio != ""
	}
	return (c == "" || a.video == c) && a.sees(p.Key)
}

// sees tells whether the sink can have a picture: from a keyframe on, while it has room.
func (a *Attachment) sees(key bool) bool {
	if room := a.room.Load(); room > 0 && room < minRoom {
		if a.seeing {
			a.seeing = false
			a.Keyframe() // for when there is room again
		}
		return false
	}
	if key {
		a.seeing = true
	}
	return a.seeing
}

// demand is what all sinks of one video codec want of the next picture.
type demand struct {
	codec media.Codec
	key   bool
	room  int // bit/s of the slowest that still sees; 0 for unknown
}

// demands returns one demand for each video codec in use, of a picture for
// output time at, and takes the requests for keyframes that it grants.
func (o *outlet) demands(at time.Duration) []demand {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []demand
	for _, a := range o.attached {
		room := int(a.room.Load())
		if a.video == "" || room > 0 && room < minRoom {
			continue
		}
		i := 0
		for i < len(out) && out[i].codec != a.video {
			i++
		}
		if i == len(out) {
			out = append(out, demand{codec: a.video})
		}
		d := &out[i]
		if enc := o.videos[a.video]; enc == nil || at-enc.lastKey >= keyApart {
			d.key = a.key.Swap(false) || d.key
		}
		if room > 0 && (d.room == 0 || room < d.room) {
			d.room = room
		}
	}
	return out
}
