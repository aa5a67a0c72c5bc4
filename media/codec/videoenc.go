package codec

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"livedub/media"
)

// VideoEncoderConfig says what to encode to.
type VideoEncoderConfig struct {
	Codec         media.Codec   // media.H264 (constrained baseline) or media.VP8
	Width, Height int           // pixels, even
	FrameRate     float64       // nominal, frames per second; 0: 30. The real rate may differ; below 1 it is taken for 1
	Color         media.Color   // told in the stream of H.264; VP8 has no place for it, and its frames become BT.601's
	Bitrate       int           // bit/s
	KeyInterval   time.Duration // longest distance of keyframes; 0: only when forced
	Buffer        time.Duration // of H.264's rate: over how long it is kept; 0: half a second, out of band two
	OutOfBand     bool          // for files: parameter sets in Track().Extradata and not in band, a slacker rate
	Hardware      string        // H.264's: "auto": h264_nvenc if it opens, else libx264; "nvenc": h264_nvenc; "" and "off": libx264
	Preset        string        // of libx264; "": superfast
}

// clockRate is what encoders count time in (Hz).
const clockRate = 90000

// presets are libx264's, fastest first.
var presets = []string{"ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"}

// Bitrates the encoders accept (bit/s).
const minBitrate, maxBitrate = 1000, 1 << 30

// videoBackend is one opened encoder of one size.
type videoBackend interface {
	// encode takes one frame at pts (1/90000 s, rising) and returns its access unit and whether it is a keyframe.
	encode(f *media.Frame, pts int64, key bool) ([]byte, bool, error)
	setBitrate(bps int) error
	extradata() []byte
	name() string
	close()
}

// VideoEncoder compresses frames, one in and one out, with no frame held back.
type VideoEncoder struct {
	mu   sync.Mutex
	cfg  VideoEncoderConfig
	back videoBackend

	started bool
	last    time.Duration // PTS of the frame before
	lastKey time.Duration
	clock   int64 // the encoder's own time of the frame before, 1/90000 s
}

// NewVideoEncoder opens an encoder.
func NewVideoEncoder(c VideoEncoderConfig) (*VideoEncoder, error) {
	if c.FrameRate == 0 {
		c.FrameRate = 30
	}
	if c.Preset == "" {
		c.Preset = "superfast"
	}
	if !(c.FrameRate > 0 && c.FrameRate <= 1000) {
		return nil, fmt.Errorf("codec: %g frames per second; set up to 1000", c.FrameRate)
	}
	c.FrameRate = max(c.FrameRate, 1) // a slide may take a second's bits, not a minute's
	if err := checkBitrate(c.Bitrate); err != nil {
		return nil, err
	}
	switch c.Hardware {
	case "", "off", "auto", "nvenc":
	default:
		return nil, fmt.Errorf("codec: unknown hardware %q; set auto, nvenc or off", c.Hardware)
	}
	if !slices.Contains(presets, c.Preset) {
		return nil, fmt.Errorf("codec: unknown preset %q; choose one of %v", c.Preset, presets)
	}
	back, err := openVideo(c)
	if err != nil {
		return nil, err
	}
	return &VideoEncoder{cfg: c, back: back}, nil
}

// openVideo opens the encoder c asks for, falling back from hardware to software only where it may choose.
func openVideo(c VideoEncoderConfig) (videoBackend, error) {
	if err := checkSize(c.Width, c.Height); err != nil {
		return nil, err
	}
	if c.Width%2 != 0 || c.Height%2 != 0 {
		return nil, fmt.Errorf("codec: cannot encode the odd size %dx%d; pass frames through a Shaper", c.Width, c.Height)
	}
	switch c.Codec {
	case media.H264:
		if c.Hardware == "nvenc" {
			return newAVEncoder("h264_nvenc", c)
		}
		if c.Hardware == "auto" && nvenc() == nil {
			// Consumer cards limit how many sessions run at once: a later one may fail.
			if e, err := newAVEncoder("h264_nvenc", c); err == nil {
				return e, nil
			}
		}
		return newAVEncoder("libx264", c)
	case media.VP8:
		return newVPXEncoder(c)
	}
	return nil, fmt.Errorf("codec: cannot encode %q; choose h264 or vp8", c.Codec)
}

// Encode compresses f, which the caller keeps, to one packet with PTS and DTS
// of f.PTS; key demands a keyframe. A frame of another size or colour reopens
// the encoder and gives a keyframe. Out of band, a file's, parameter sets cannot
// change: another size is an error, and other colours are taken for the first.
func (e *VideoEncoder) Encode(f *media.Frame, key bool) (media.Packet, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.back == nil {
		return media.Packet{}, ErrClosed
	}
	if err := checkPlanes(f); err != nil {
		return media.Packet{}, err
	}
	if f.Width != e.cfg.Width || f.Height != e.cfg.Height || f.Color != e.cfg.Color && !e.cfg.OutOfBand {
		if err := e.reopen(f); err != nil {
			return media.Packet{}, err
		}
		key = true
	}
	key = key || !e.started || e.keyDue(f.PTS)
	data, isKey, err := e.back.encode(f, e.tick(f.PTS), key)
	if err != nil {
		return media.Packet{}, err
	}
	if isKey {
		e.lastKey = f.PTS
	}
	return media.Packet{Kind: media.Video, PTS: f.PTS, DTS: f.PTS, Duration: f.Duration, Key: isKey, Data: data}, nil
}

func (e *VideoEncoder) reopen(f *media.Frame) error {
	if e.cfg.OutOfBand {
		return fmt.Errorf("codec: the size changed from %dx%d to %dx%d, which a file cannot follow; use Shaper.Fix",
			e.cfg.Width, e.cfg.Height, f.Width, f.Height)
	}
	c := e.cfg
	c.Width, c.Height, c.Color = f.Width, f.Height, f.Color
	back, err := openVideo(c)
	if err != nil {
		return err
	}
	e.back.close()
	e.back, e.cfg = back, c
	return nil
}

// keyDue tells whether the next frame but one would come too late for the interval.
func (e *VideoEncoder) keyDue(pts time.Duration) bool {
	half := time.Duration(float64(time.Second) / e.cfg.FrameRate / 2)
	return e.cfg.KeyInterval > 0 && (pts < e.lastKey || pts-e.lastKey+half >= e.cfg.KeyInterval)
}

// tick maps pts to the encoder's own time. That always rises, and never jumps
// far: rate control spends what time has passed, and a gap is no licence for a burst.
func (e *VideoEncoder) tick(pts time.Duration) int64 {
	if e.started {
		frame := clockRate / e.cfg.FrameRate
		step := float64(pts-e.last) * clockRate / 1e9
		e.clock += int64(math.Round(min(max(step, frame/8), frame*8)))
	}
	e.started, e.last = true, pts
	return e.clock
}

// SetBitrate changes the target (bit/s) from the next frame on.
func (e *VideoEncoder) SetBitrate(bps int) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.back == nil {
		return ErrClosed
	}
	if err := checkBitrate(bps); err != nil {
		return err
	}
	if bps == e.cfg.Bitrate {
		return nil
	}
	if err := e.back.setBitrate(bps); err != nil {
		return err
	}
	e.cfg.Bitrate = bps
	return nil
}

// Track describes the stream at its present size. Extradata of H.264 (OutOfBand
// only) is its SPS and PPS in Annex B form, as the packets are.
func (e *VideoEncoder) Track() media.Track {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := media.Track{
		Kind: media.Video, Codec: e.cfg.Codec,
		Width: e.cfg.Width, Height: e.cfg.Height, FrameRate: e.cfg.FrameRate,
		Color: e.cfg.Color, Fields: media.Progressive,
	}
	if e.cfg.Codec == media.VP8 {
		t.Color.Matrix = media.BT601
	}
	if e.back != nil && e.cfg.OutOfBand {
		t.Extradata = e.back.extradata()
	}
	return t
}

// Name returns what encodes: "libx264", "h264_nvenc" or "libvpx"; "" after Close.
func (e *VideoEncoder) Name() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.back == nil {
		return ""
	}
	return e.back.name()
}

// Close frees the encoder.
func (e *VideoEncoder) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.back != nil {
		e.back.close()
		e.back = nil
	}
}

func checkBitrate(bps int) error {
	if bps < minBitrate || bps > maxBitrate {
		return fmt.Errorf("codec: a bitrate of %d bit/s; set %d to %d", bps, minBitrate, maxBitrate)
	}
	return nil
}

// checkPlanes refuses a frame whose memory is shorter than its size says: C would read past it.
func checkPlanes(f *media.Frame) error {
	if err := checkSize(f.Width, f.Height); err != nil {
		return err
	}
	cw, ch := (f.Width+1)/2, (f.Height+1)/2
	if f.YStride < f.Width || f.UVStride < cw ||
		len(f.Y) < f.YStride*(f.Height-1)+f.Width || min(len(f.U), len(f.V)) < f.UVStride*(ch-1)+cw {
		return fmt.Errorf("codec: planes too short for %dx%d at strides %d and %d", f.Width, f.Height, f.YStride, f.UVStride)
	}
	return nil
}
