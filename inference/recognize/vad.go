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

// Detector tells speech from other sound for one speaker, frame by frame.
type Detector interface {
	// Speech hears the next 10, 20 or 30 ms of 16 kHz mono sound and tells
	// whether there is speech in it.
	Speech(frame []int16) (bool, error)
}

// webRTC is the default Detector: a frame is speech where both WebRTC's
// detector and an adaptive energy gate say so.
type webRTC struct {
	rtc  *webrtcvad.VAD
	gate *energyGate
	buf  []byte
}

// NewWebRTC returns the default Detector.
func NewWebRTC() (Detector, error) {
	rtc, err := webrtcvad.New()
	if err != nil {
		return nil, fmt.Errorf("recognize: WebRTC voice detector: %w; out of memory?", err)
	}
	if err := rtc.SetMode(vadMode); err != nil {
		return nil, fmt.Errorf("recognize: WebRTC voice detector mode %d: %w", vadMode, err)
	}
	return &webRTC{rtc: rtc, gate: newEnergyGate()}, nil
}

// Speech implements Detector.
func (w *webRTC) Speech(frame []int16) (bool, error) {
	w.buf = w.buf[:0]
	for _, s := range frame {
		w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(s))
	}
	voice, err := w.rtc.Process(sampleRate, w.buf)
	runtime.KeepAlive(w.rtc) // its finaliser frees the C side
	if err != nil {
		return false, fmt.Errorf("recognize: WebRTC voice detector: %w", err)
	}
	return w.gate.open(frame) && voice, nil
}

// VAD finds where speech starts and ends: it starts when enough of the last
// frames are speech, and ends after a hangover without.
type VAD struct {
	detector Detector
	hangover time.Duration
	votes    uint // the last frames, newest in bit 0
	silent   time.Duration
	active   bool
}

// NewVAD returns a VAD that asks d and ends speech after hangover of silence.
func NewVAD(d Detector, hangover time.Duration) *VAD { return &VAD{detector: d, hangover: hangover} }

var errFrameLen = errors.New("recognize: VAD wants frames of 10, 20 or 30 ms at 16 kHz")

// Push hears the next 10, 20 or 30 ms of 16 kHz mono sound and reports whether
// somebody is speaking, hangover included.
func (v *VAD) Push(frame []int16) (bool, error) {
	if n := len(frame); n != sampleRate/100 && n != sampleRate/50 && n != 3*sampleRate/100 {
		return false, errFrameLen
	}
	speech, err := v.detector.Speech(frame)
	if err != nil {
		return false, err
	}
	v.vote(speech, time.Duration(len(frame))*time.Second/sampleRate)
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
