package neural

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"livedub/inference"
)

// ErrOutOfRange is returned for a frame that is none: far beyond the range that the manifest names.
var ErrOutOfRange = errors.New("the net's frame is out of range")

// Net makes mouths by a queue that many sessions share. It is safe for concurrent use.
type Net struct {
	Manifest
	queue   inference.ModelQueue
	encoder *encoder // nil without one
	order   []string // role of each of the queue's inputs
	columns int      // of sound's features, without an encoder
	out     int      // which output is the frame
}

// Image is a square frame: Size rows of Size pixels of red, green, blue.
type Image struct {
	Size int
	Pix  []uint8
}

// NewImage returns a black frame.
func NewImage(size int) *Image { return &Image{size, make([]uint8, 3*size*size)} }

// New fits a net to its manifest by the shapes of its tensors; sound runs the encoder, if
// the manifest has one. It fails where they do not agree. Close the Net before the queues.
func New(m *Manifest, q, sound inference.ModelQueue) (*Net, error) {
	n := &Net{Manifest: *m, queue: q, order: make([]string, len(q.Inputs()))}
	if m.Encoder != nil {
		var err error
		if n.encoder, err = newEncoder(m.Encoder, sound); err != nil {
			return nil, fmt.Errorf("the encoder does not fit: %w; its inputs: %s; its outputs: %s",
				err, describe(sound.Inputs()), describe(sound.Outputs()))
		}
	}
	if err := n.classify(); err != nil {
		return nil, fmt.Errorf("the net does not fit its manifest: %w; its inputs: %s; its outputs: %s",
			err, describe(q.Inputs()), describe(q.Outputs()))
	}
	return n, nil
}

// Close waits for what is being made.
func (n *Net) Close() error {
	if n.encoder != nil {
		n.encoder.wg.Wait()
	}
	return nil
}

// classify finds out which tensor is what: by name where the manifest says so, else by rank and shape.
func (n *Net) classify() error {
	want := map[string][]int{"face": {-1, 6, n.Size, n.Size}, "mel": {-1, 1, melBands, -1}}
	roles := []string{"face", "mel"}
	if n.Kind == Latent {
		want = map[string][]int{"masked": {-1, 3, n.Size, n.Size}, "ref": {-1, 3, n.Size, n.Size}, "audio": {-1, -1, melBands}}
		roles = []string{"masked", "ref", "audio"}
	}
	if n.encoder != nil {
		want["audio"] = n.encoder.out
	}
	in := n.queue.Inputs()
	if len(in) != len(roles) {
		return fmt.Errorf("it has %d inputs, a %s net has %d", len(in), n.Kind, len(roles))
	}
	// What the manifest names first, then what only shapes tell, in the order of roles.
	slices.SortStableFunc(roles, func(a, b string) int { return len(n.Inputs[b]) - len(n.Inputs[a]) })
	for _, role := range roles {
		i := slices.IndexFunc(in, func(t inference.TensorInfo) bool { return t.Name == n.Inputs[role] })
		if n.Inputs[role] == "" {
			for k, t := range in {
				if n.order[k] == "" && i < 0 && fits(t.Shape, want[role]) {
					i = k
				}
			}
		}
		if i < 0 || n.order[i] != "" || !fits(in[i].Shape, want[role]) {
			return fmt.Errorf("no input is %q of shape %v: name it under inputs%s", role, want[role], n.hint(role))
		}
		n.order[i] = role
		if n.Type != "" && in[i].Type != n.Type {
			return fmt.Errorf("its input %q is %s, the manifest says %s", role, in[i].Type, n.Type)
		}
		switch role {
		case "mel":
			n.columns = in[i].Shape[3]
		case "audio":
			n.columns = in[i].Shape[1]
		}
	}
	if n.columns < 0 {
		n.columns = 16
	}
	if n.encoder == nil && (n.columns < 1 || n.columns > 100) {
		return fmt.Errorf("it hears %d columns of sound: at most 100, 1.25 s, can be had", n.columns)
	}
	n.out = slices.IndexFunc(n.queue.Outputs(), func(t inference.TensorInfo) bool {
		return (n.Output == "" || t.Name == n.Output) && fits(t.Shape, []int{-1, 3, n.Size, n.Size})
	})
	if n.out < 0 {
		return fmt.Errorf("no output is a frame of shape %v: name it as output", []int{-1, 3, n.Size, n.Size})
	}
	return nil
}

// hint says what may be meant where an input was not found.
func (n *Net) hint(role string) string {
	if role == "audio" && n.encoder == nil {
		return ", or give the encoder that makes it"
	}
	return ""
}

// fits tells whether a shape can be the one wanted; -1 is any size in both.
func fits(shape, want []int) bool {
	for i := range min(len(shape), len(want)) {
		if shape[i] >= 0 && want[i] >= 0 && shape[i] != want[i] {
			return false
		}
	}
	return len(shape) == len(want)
}

func describe(ts []inference.TensorInfo) string {
	s := ""
	for _, t := range ts {
		s += fmt.Sprintf("%.40s%v ", t.Name, t.Shape)
	}
	return s
}

// Voice says which sound Submit wants: n samples at inference.VoiceRate from
// the time from on, relative to the frame.
func (n *Net) Voice() (from time.Duration, samples int) {
	lead, length := reach+1, columnsLen(n.columns) // at 16 kHz
	if n.encoder != nil {
		lead, length = n.encoder.before, n.encoder.samples
	}
	from = -time.Duration(lead)*time.Second/melRate - tapReach*time.Second/inference.VoiceRate
	return from + n.AudioOffset(), thirdsLen(length)
}

// Ear makes features. It is used by one goroutine.
type Ear struct {
	thirds *thirds
	mel    *mel
}

// NewEar returns an ear.
func NewEar() *Ear { return &Ear{newThirds(), newMel()} }

// Submit asks for the mouth of a face that says what voice holds (as Voice
// wants it, mono). deadline is when the answer must be there; zero: it can wait.
func (n *Net) Submit(e *Ear, session string, deadline time.Time, face *Image, voice []int16) (<-chan inference.ModelResult, error) {
	var features, wave []float32
	if n.encoder == nil {
		features = e.mel.columns(e.thirds.make(voice, columnsLen(n.columns)), n.columns)
	} else {
		wave = e.thirds.make(voice, n.encoder.samples)
	}
	r := inference.ModelRequest{Session: session, Deadline: deadline}
	for _, role := range n.order {
		var t inference.Tensor
		switch role {
		case "face":
			t = inference.Tensor{Shape: []int{6, n.Size, n.Size}, Data: append(n.planes(face, true), n.planes(face, false)...)}
		case "masked", "ref":
			t = inference.Tensor{Shape: []int{3, n.Size, n.Size}, Data: n.planes(face, role == "masked")}
		case "mel":
			t = inference.Tensor{Shape: []int{1, melBands, n.columns}, Data: features}
		case "audio":
			if n.encoder != nil {
				break // the encoder's to make
			}
			t = inference.Tensor{Shape: []int{n.columns, melBands}, Data: make([]float32, len(features))}
			for b := range melBands {
				for i := range n.columns {
					t.Data[i*melBands+b] = features[b*n.columns+i]
				}
			}
		}
		r.In = append(r.In, t)
	}
	if n.encoder != nil {
		return n.encoder.first(r, slices.Index(n.order, "audio"), wave, n.queue)
	}
	return n.queue.Submit(r)
}

// scale returns what turns 0..255 to the net's range.
func (n *Net) scale() (by, plus float32) {
	if n.Range == "-1..1" {
		return 2. / 255, -1
	}
	return 1. / 255, 0
}

// planes returns a face as the net wants it, what is to be made anew black if masked.
func (n *Net) planes(face *Image, masked bool) []float32 {
	by, plus := n.scale()
	area := n.Size * n.Size
	out := make([]float32, 3*area, 6*area)
	for i := range area {
		keep := float32(1)
		if masked {
			keep = 1 - n.anew(i)
		}
		for c := range 3 {
			out[n.plane(c)*area+i] = keep*float32(face.Pix[3*i+c])*by + plus
		}
	}
	return out
}

// anew tells how much of pixel i the net makes anew, 0..1.
func (n *Net) anew(i int) float32 {
	if n.mask != nil {
		return float32(n.mask.Pix[i]) / 255
	}
	if i >= n.Size*n.Size/2 {
		return 1
	}
	return 0
}

// Anew tells how much of the face's place x, y, each 0..1 from its top left
// corner, the net makes anew.
func (n *Net) Anew(x, y float64) float64 {
	if x < 0 || y < 0 || x >= 1 || y >= 1 {
		return 0
	}
	return float64(n.anew(int(y*float64(n.Size))*n.Size + int(x*float64(n.Size))))
}

// plane returns where the net has red (0), green or blue.
func (n *Net) plane(c int) int {
	if n.Channels == "BGR" {
		return 2 - c
	}
	return c
}

// Frame returns the face of a result. It fails with what the result says, or ErrOutOfRange.
func (n *Net) Frame(r inference.ModelResult) (*Image, error) {
	if r.Err != nil {
		return nil, r.Err
	}
	area := n.Size * n.Size
	if len(r.Out) <= n.out || len(r.Out[n.out].Data) != 3*area {
		return nil, fmt.Errorf("the net's frame has not %dx%d pixels", n.Size, n.Size)
	}
	data := r.Out[n.out].Data
	by, plus := n.scale()
	p := NewImage(n.Size)
	odd := 0
	for i := range area {
		for c := range 3 {
			v := (data[n.plane(c)*area+i] - plus) / by
			if !(v > -25 && v < 280) { // NaN too
				odd++
			}
			p.Pix[3*i+c] = uint8(min(max(v+.5, 0), 255))
		}
	}
	if odd > 3*area/50 {
		return nil, fmt.Errorf("%w: %.0f %% of it lies outside %s", ErrOutOfRange, math.Ceil(float64(100*odd)/float64(3*area)), n.Range)
	}
	return p, nil
}
