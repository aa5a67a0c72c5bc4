// Package silero tells speech from other sound by Silero's net for voice
// activity (silero_vad.onnx, version 5), run by any inference.Model. It can
// stand in for the recognizer's own detector, one Detector for each speaker.
package silero

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"livedub/inference"
)

const (
	rate    = 16000 // Hz, the only one used here
	window  = 512   // samples that the net hears at a time, 32 ms
	lead    = 64    // samples before them that it hears once more
	memory  = 128   // numbers in each of the two layers of its state
	onset   = .5    // probability from which a window is speech
	release = .35   // and, while there is speech, down to which it goes on
)

// VAD is the net, shared by all speakers. It is safe for concurrent use.
type VAD struct {
	mu    sync.Mutex
	model inference.Model // nil once closed
}

// Inputs returns what the net takes for a batch: silence, for warming it.
func Inputs(batch int) []inference.Tensor {
	return []inference.Tensor{
		{Shape: []int{batch, lead + window}, Data: make([]float32, batch*(lead+window))},
		{Shape: []int{2, batch, memory}, Data: make([]float32, 2*batch*memory)},
		{Data: []float32{rate}},
	}
}

// New returns the detectors' net, which m must be. It is m's owner from then on, if there is no error.
func New(m inference.Model) (*VAD, error) {
	var in, out []string
	for _, i := range m.Inputs() {
		in = append(in, i.Name)
	}
	for _, o := range m.Outputs() {
		out = append(out, o.Name)
	}
	if !slices.Equal(in, []string{"input", "state", "sr"}) || !slices.Equal(out, []string{"output", "stateN"}) {
		return nil, fmt.Errorf("silero: the net takes %q and gives %q: this is not silero_vad.onnx, version 5", in, out)
	}
	return &VAD{model: m}, nil
}

// Detector returns a detector for one speaker.
func (v *VAD) Detector() *Detector {
	in := Inputs(1)
	return &Detector{vad: v, sound: in[0].Data, state: in[1].Data, fill: lead}
}

// Close closes the net; detectors fail from then on.
func (v *VAD) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.model == nil {
		return nil
	}
	err := v.model.Close()
	v.model = nil
	return err
}

var errClosed = errors.New("silero: closed")

// probability has the net hear sound with state, which it moves on.
func (v *VAD) probability(sound, state []float32) (float32, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.model == nil {
		return 0, errClosed
	}
	// A window takes the net well below a millisecond, and a net that hangs has a time limit of its own.
	out, err := v.model.Run(context.Background(), []inference.Tensor{
		{Shape: []int{1, lead + window}, Data: sound},
		{Shape: []int{2, 1, memory}, Data: state},
		{Data: []float32{rate}},
	})
	if err != nil {
		return 0, fmt.Errorf("silero: %w", err)
	}
	if len(out) != 2 || len(out[0].Data) != 1 || len(out[1].Data) != len(state) {
		return 0, errors.New("silero: the net gives other shapes than silero_vad.onnx, version 5, does")
	}
	copy(state, out[1].Data)
	return out[0].Data[0], nil
}

// Detector hears one speaker. One goroutine uses it.
type Detector struct {
	vad    *VAD
	sound  []float32 // the end of the window before, and the one being filled
	state  []float32
	fill   int
	speech bool
}

// Speech hears the next 16 kHz mono sound, of any length, and tells whether
// there is speech in its last whole window. It is up to 32 ms behind for it.
func (d *Detector) Speech(frame []int16) (bool, error) {
	for _, s := range frame {
		d.sound[d.fill] = float32(s) / (1 << 15)
		if d.fill++; d.fill < len(d.sound) {
			continue
		}
		p, err := d.vad.probability(d.sound, d.state)
		copy(d.sound, d.sound[window:])
		d.fill = lead
		if err != nil {
			return false, err
		}
		d.speech = p >= onset || d.speech && p > release // NaN ends speech
	}
	return d.speech, nil
}
