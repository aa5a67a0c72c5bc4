package whisper

import (
	"context"
	"errors"
	"slices"

	"livedub/inference"
)

var errShapes = errors.New("a net gives other shapes than it says: convert the model again")

// decoding is one sound being decoded.
type decoding struct {
	m     *Model
	cross []inference.Tensor // of the encoder
	keys  [][]float32        // of all tokens so far, by layer: k, v, k, v, ...
	past  int                // tokens so far
	rows  [][]float32        // attention of each token: [alignment heads, frames]
	t     int                // encoder frames
}

// Features are filled up with 0 so far, in frames of 10 ms: the nets learned
// with 30 s, and say what they hear again and again where there is little
// (decision 35 has the figures).
const (
	atLeast = 1200
	beyond  = 300 // behind the sound
	grid    = 100 // whole seconds, so that few shapes are seen
)

// hear runs the encoder.
func (m *Model) hear(ctx context.Context, pcm []float32) (*decoding, error) {
	frames := max(atLeast, (len(pcm)+hop-1)/hop+beyond)
	frames = min((frames+grid-1)/grid*grid, 2*m.info.AudioContext)
	cross, err := m.encoder.Run(ctx, []inference.Tensor{{Shape: []int{1, m.info.Mels, frames}, Data: padded(pcm, m.info.Mels, frames)}})
	if err != nil {
		return nil, err
	}
	d := &decoding{m: m, cross: cross, t: (frames + 1) / 2, keys: make([][]float32, 2*m.info.DecoderLayers)}
	if want := d.t * m.info.Width; len(cross) != 2*m.info.DecoderLayers || len(cross[0].Data) != want {
		return nil, errShapes
	}
	return d, nil
}

// step has the decoder take tokens and returns the logits of what may follow.
func (d *decoding) step(ctx context.Context, tokens []int) ([]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ids := make([]float32, len(tokens))
	for i, id := range tokens {
		ids[i] = float32(id)
	}
	info := d.m.info
	in := append([]inference.Tensor{{Shape: []int{1, len(ids)}, Data: ids}}, d.cross...)
	for _, k := range d.keys {
		in = append(in, inference.Tensor{Shape: []int{1, d.past, info.Width}, Data: k})
	}
	out, err := d.m.decoder.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	heads := len(info.AlignmentHeads)
	if len(out) != 2+len(d.keys) || len(out[0].Data) != info.Vocabulary || len(out[1].Data) != heads*len(ids)*d.t {
		return nil, errShapes
	}
	for i, v := range out[2:] {
		if len(v.Data) != len(ids)*info.Width {
			return nil, errShapes
		}
		d.keys[i] = append(d.keys[i], v.Data...)
	}
	if slices.ContainsFunc(out[0].Data, func(v float32) bool { return v != v }) {
		return nil, errors.New("the decoder gives NaN")
	}
	d.past += len(ids)
	for r := range ids {
		row := make([]float32, 0, heads*d.t)
		for h := range heads {
			at := (h*len(ids) + r) * d.t
			row = append(row, out[1].Data[at:at+d.t]...)
		}
		d.rows = append(d.rows, row)
	}
	return out[0].Data, nil
}

// padded returns the features of a sound, and 0 in the frames behind it.
func padded(pcm []float32, bands, frames int) []float32 {
	n := min((len(pcm)+hop-1)/hop, frames)
	f := Features(pcm, bands, n)
	out := make([]float32, bands*frames)
	for b := range bands {
		copy(out[b*frames:], f[b*n:(b+1)*n])
	}
	return out
}
