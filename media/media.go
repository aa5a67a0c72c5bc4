// Package media holds the words every stream is described in: tracks, packets,
// video and audio, and the two ends a session runs between. It has no
// behaviour of its own beyond ownership; codecs, files and networks stand beside it.
package media

import "time"

// Kind tells audio from video.
type Kind uint8

const (
	Audio Kind = iota + 1
	Video
)

func (k Kind) String() string {
	switch k {
	case Audio:
		return "audio"
	case Video:
		return "video"
	}
	return "unknown"
}

// Codec names a compression format by its lower-case registry name.
type Codec string

const (
	H264 Codec = "h264"
	HEVC Codec = "hevc"
	VP8  Codec = "vp8"
	VP9  Codec = "vp9"
	AV1  Codec = "av1"
	Opus Codec = "opus"
	AAC  Codec = "aac"
	MP3  Codec = "mp3"
)

// Track describes one elementary stream. Zero fields are unknown.
type Track struct {
	Kind      Kind
	Codec     Codec  // one of the constants, or any name libavcodec knows ("mp2", "mpeg1video", ...)
	Extradata []byte // out-of-band codec configuration (avcC, AudioSpecificConfig, OpusHead, ...)

	Width, Height int     // pixels, as coded, before Rotation
	Rotation      int     // clockwise degrees to turn a frame upright: 0, 90, 180, 270
	Mirrored      bool    // left and right are to be exchanged, before it is turned
	PixelAspect   float64 // width over height of one pixel; 0 and 1 are square
	FrameRate     float64 // nominal frames per second; 0 for unknown or variable
	Color         Color   // as the container states it; what the frames themselves state comes first
	Fields        Fields

	SampleRate int // Hz
	Channels   int

	// What old codecs leave to their containers.
	Tag           uint32 // the container's own name for the codec, a FourCC or a WAVE format tag, first letter lowest
	BlockAlign    int    // bytes of one block of sound
	BitsPerSample int    // of coded sound, or of a coded pixel
	BitRate       int    // bit/s
	Format        string // of raw frames, by libavutil's name ("yuv420p")
}

// Fields tells how the lines of a frame were taken.
type Fields uint8

const (
	Progressive Fields = iota + 1 // all at once
	TopFirst                      // the first, third, fifth ... before the others
	BottomFirst
)

// Packet is one compressed access unit: a whole frame, or one audio frame.
//
// Data belongs to nobody: it is never written after the packet is made, so it
// may be shared by any number of readers and is freed by the garbage collector.
type Packet struct {
	Kind     Kind
	PTS      time.Duration // when it is presented, on the clock of its stream
	DTS      time.Duration // when it is decoded; equals PTS where frames are not reordered
	Duration time.Duration // 0 if unknown
	Key      bool          // decodable on its own
	Gap      bool          // something was lost between the packet before and this one
	Data     []byte

	SkipStart int // samples to drop from the front of the decoded sound (encoder priming)
	SkipEnd   int // samples to drop from its end (padding)
}

// Samples is interleaved 16-bit PCM. Data is owned by whoever received it.
type Samples struct {
	PTS      time.Duration // of the first sample
	Rate     int           // Hz
	Channels int
	Data     []int16 // len is a multiple of Channels
}

// Frames returns the number of sample instants (samples per channel).
func (s Samples) Frames() int {
	if s.Channels == 0 {
		return 0
	}
	return len(s.Data) / s.Channels
}

// Duration returns the time s lasts.
func (s Samples) Duration() time.Duration { return SamplesToTime(s.Frames(), s.Rate) }

// End returns the time just after the last sample.
func (s Samples) End() time.Duration { return s.PTS + s.Duration() }

// SamplesToTime converts a number of sample instants at rate Hz to time, exactly to the nanosecond.
func SamplesToTime(n, rate int) time.Duration {
	if rate <= 0 {
		return 0
	}
	whole, rest := n/rate, n%rate
	return time.Duration(whole)*time.Second + time.Duration(rest)*time.Second/time.Duration(rate)
}

// TimeToSamples converts t to the nearest number of sample instants at rate Hz.
func TimeToSamples(t time.Duration, rate int) int {
	whole, rest := t/time.Second, t%time.Second
	half := time.Second / 2
	if rest < 0 {
		half = -half
	}
	return int(whole)*rate + int((rest*time.Duration(rate)+half)/time.Second)
}

// FindTrack returns the first track of a kind; nil where there is none.
func FindTrack(tracks []Track, k Kind) *Track {
	for i := range tracks {
		if tracks[i].Kind == k {
			return &tracks[i]
		}
	}
	return nil
}
