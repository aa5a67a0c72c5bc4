package recognize

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"

	webrtcvad "github.com/maxhawkins/go-webrtcvad"
)

const (
	vadMode    = 2 // of 0..3, more of which is stricter
	onsetVotes = 3 // speech frames out of the last onsetOf that start speech
	onsetOf    = 5
	// Preroll is how far before the frame at which speech shows its onset may
	// lie: the votes, and a first consonant too weak for the detectors.
	Preroll = 300 * time.Millisecond
)

// VAD is a voice activity detector: a frame is speech where both WebRTC's
// detector and an adaptive energy gate say so; speech starts when enough of
// the last frames are, and ends after a hangover without.
type VAD struct {
	rtc      *webrtcvad.VAD
	gate     *energyGate
	buf      []byte
	hangover time.Duration
	votes    uint // the last frames, newest in bit 0
	silent   time.Duration
	active   bool
}

// NewVAD returns a detector that ends speech after hangover of silence.
func NewVAD(hangover time.Duration) (*VAD, error) {
	rtc, err := webrtcvad.New()
	if err != nil {
		return nil, fmt.Errorf("recognize: WebRTC voice detector: %w; out of memory?", err)
	}
	if err := rtc.SetMode(vadMode); err != nil {
		return nil, fmt.Errorf("recognize: WebRTC voice detector mode %d: %w", vadMode, err)
	}
	return &VAD{rtc: rtc, gate: newEnergyGate(), hangover: hangover}, nil
}

var errFrameLen = errors.New("recognize: VAD wants frames of 10, 20 or 30 ms at 16 kHz")

// Push hears the next 10, 20 or 30 ms of 16 kHz mono sound and reports whether
// somebody is speaking, hangover included.
func (v *VAD) Push(frame []int16) (bool, error) {
	if n := len(frame); n != sampleRate/100 && n != sampleRate/50 && n != 3*sampleRate/100 {
		return false, errFrameLen
	}
	v.buf = v.buf[:0]
	for _, s := range frame {
		v.buf = binary.LittleEndian.AppendUint16(v.buf, uint16(s))
	}
	voice, err := v.rtc.Process(sampleRate, v.buf)
	runtime.KeepAlive(v.rtc) // its finaliser frees the C side
	if err != nil {
		return false, fmt.Errorf("recognize: WebRTC voice detector: %w", err)
	}
	v.vote(v.gate.open(frame) && voice, time.Duration(len(frame))*time.Second/sampleRate)
	return v.active, nil
}

// Skip takes d of sound that is missing for silence, without learning from it.
func (v *VAD) Skip(d time.Duration) bool {
	v.vote(false, d)
	return v.active
}

func (v *VAD) vote(speech bool, d time.Duration) {
	v.votes <<= 1
	if speech {
		v.votes |= 1
		v.silent = 0
	} else {
		v.silent += d
	}
	if v.active {
		v.active = v.silent < v.hangover
		if !v.active {
			v.votes = 0
		}
		return
	}
	n := 0
	for i := range onsetOf {
		n += int(v.votes >> i & 1)
	}
	v.active = n >= onsetVotes
}

// Silent returns for how long no speech was heard.
func (v *VAD) Silent() time.Duration { return v.silent }

// Active reports whether somebody is speaking, hangover included.
func (v *VAD) Active() bool { return v.active }

// Reset ends speech and forgets the last frames, not the background's level.
func (v *VAD) Reset() { v.active, v.votes, v.silent = false, 0, 0 }
