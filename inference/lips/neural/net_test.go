package neural

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/inference"
)

// queue remembers what it is asked, and answers if it has an answer.
type queue struct {
	in, out []inference.TensorInfo
	asked   []inference.ModelRequest
	answer  func(inference.ModelRequest) inference.ModelResult
	err     error
}

func (q *queue) Inputs() []inference.TensorInfo  { return q.in }
func (q *queue) Outputs() []inference.TensorInfo { return q.out }
func (q *queue) Submit(r inference.ModelRequest) (<-chan inference.ModelResult, error) {
	q.asked = append(q.asked, r)
	if q.answer == nil || q.err != nil {
		return nil, q.err
	}
	c := make(chan inference.ModelResult, 1)
	c <- q.answer(r)
	return c, nil
}

func tensor(name string, shape ...int) inference.TensorInfo {
	return inference.TensorInfo{Name: name, Shape: shape, Type: "fp32"}
}

func wav2lip() *queue {
	return &queue{
		in:  []inference.TensorInfo{tensor("audio_sequences", -1, 1, 80, 16), tensor("video_frames", -1, 6, 96, 96)},
		out: []inference.TensorInfo{tensor("output", -1, 3, 96, 96)},
	}
}

func manifest(t *testing.T, text string) *Manifest {
	t.Helper()
	m, err := parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTensors: rows, channels, range and mask stand where the contract puts them.
func TestTensors(t *testing.T) {
	face := NewImage(96)
	top, bottom := 3*(10*96+7), 3*(60*96+5)
	copy(face.Pix[top:], []uint8{255, 0, 51})
	copy(face.Pix[bottom:], []uint8{255, 0, 51})
	for _, c := range []struct {
		text      string
		red, blue int     // planes
		lo, mid   float32 // of 0 and 51
	}{
		{`{"kind": "wav2lip", "model": "n", "size": 96}`, 2, 0, 0, .2},
		{`{"kind": "wav2lip", "model": "n", "size": 96, "channels": "RGB", "range": "-1..1"}`, 0, 2, -1, -.6},
	} {
		q := wav2lip()
		n, err := New(manifest(t, c.text), q, nil)
		if err != nil {
			t.Fatal(err)
		}
		from, samples := n.Voice()
		deadline := time.Now()
		if _, err := n.Submit(NewEar(), "s", deadline, face, make([]int16, samples)); err != nil {
			t.Fatal(err)
		}
		if want := -(25*time.Millisecond + 62500*time.Nanosecond + 750*time.Microsecond); (from - want).Abs() > time.Microsecond {
			t.Errorf("sound is wanted from %v on, want %v", from, want)
		}
		r := q.asked[0]
		if r.Session != "s" || !r.Deadline.Equal(deadline) || len(r.In) != 2 || !slices.Equal(r.In[0].Shape, []int{1, 80, 16}) || !slices.Equal(r.In[1].Shape, []int{6, 96, 96}) {
			t.Fatalf("asked for %v", r)
		}
		data, area := r.In[1].Data, 96*96
		if len(data) != 6*area || len(r.In[0].Data) != 80*16 {
			t.Fatalf("%d and %d numbers", len(data), len(r.In[0].Data))
		}
		for _, at := range []struct {
			plane, i int
			want     float32
		}{
			{c.red, top / 3, 1}, {c.blue, top / 3, c.mid}, {1, top / 3, c.lo}, // above the mask
			{c.red, bottom / 3, c.lo}, {c.blue, bottom / 3, c.lo}, // blackened
			{3 + c.red, bottom / 3, 1}, {3 + c.blue, bottom / 3, c.mid}, // in the reference
		} {
			if got := data[at.plane*area+at.i]; math.Abs(float64(got-at.want)) > 1e-6 {
				t.Errorf("%s: plane %d at %d is %v, want %v", c.text, at.plane, at.i, got, at.want)
			}
		}
		// What comes back the same way gives the same frame.
		p, err := n.Frame(inference.ModelResult{Out: []inference.Tensor{{Shape: []int{3, 96, 96}, Data: data[3*area:]}}})
		if err != nil || !slices.Equal(p.Pix, face.Pix) {
			t.Errorf("%s: the frame that came back is another: %v", c.text, err)
		}
	}
}

func TestLatentTensors(t *testing.T) {
	q := &queue{
		in:  []inference.TensorInfo{tensor("ref", -1, 3, 64, 64), tensor("a", -1, 20, 80), tensor("m", -1, 3, 64, 64)},
		out: []inference.TensorInfo{tensor("z", -1, 4, 8, 8), tensor("y", -1, 3, -1, -1)},
	}
	n, err := New(manifest(t, `{"kind": "latent", "model": "n", "size": 64, "inputs": {"masked": "m"}}`), q, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"ref", "audio", "masked"}; !slices.Equal(n.order, want) || n.out != 1 || n.columns != 20 {
		t.Errorf("roles %v, output %d, %d columns", n.order, n.out, n.columns)
	}
	_, samples := n.Voice()
	if _, err := n.Submit(NewEar(), "s", time.Time{}, NewImage(64), make([]int16, samples)); err != nil {
		t.Fatal(err)
	}
	if got := q.asked[0].In[1]; !slices.Equal(got.Shape, []int{20, 80}) || len(got.Data) != 1600 {
		t.Errorf("audio %v of %d", got.Shape, len(got.Data))
	}
}

// TestEncoder: an encoder hears the sound around the frame, and the net what it makes of it.
func TestEncoder(t *testing.T) {
	features := inference.Tensor{Shape: []int{50, 384}, Data: make([]float32, 50*384)}
	features.Data[7] = 3
	sound := &queue{
		in: []inference.TensorInfo{tensor("wave", -1, 8000)}, out: []inference.TensorInfo{tensor("h", -1, 50, 384)},
		answer: func(inference.ModelRequest) inference.ModelResult {
			return inference.ModelResult{Out: []inference.Tensor{features}}
		},
	}
	frame := inference.Tensor{Data: slices.Repeat([]float32{.5}, 3*64*64)}
	q := &queue{
		in:  []inference.TensorInfo{tensor("masked", -1, 3, 64, 64), tensor("audio", -1, 50, 384), tensor("ref", -1, 3, 64, 64)},
		out: []inference.TensorInfo{tensor("y", -1, 3, 64, 64)},
		answer: func(inference.ModelRequest) inference.ModelResult {
			return inference.ModelResult{Out: []inference.Tensor{frame}}
		},
	}
	const text = `{"kind": "latent", "model": "n", "size": 64, "inputs": {"masked": "masked"}, "encoder": {"model": "e", "before_ms": 300}}`
	n, err := New(manifest(t, text), q, sound)
	if err != nil {
		t.Fatal(err)
	}
	from, samples := n.Voice()
	if want := -300*time.Millisecond - 750*time.Microsecond; from != want || samples != thirdsLen(8000) {
		t.Errorf("wants %d samples from %v on, want %v", samples, from, want)
	}
	voice := make([]int16, samples)
	voice[tapReach+3*100] = 32767
	deadline := time.Now().Add(time.Hour)
	c, err := n.Submit(NewEar(), "s", deadline, NewImage(64), voice)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := n.Frame(<-c); err != nil || p.Pix[0] < 127 || p.Pix[0] > 128 {
		t.Errorf("no frame came: %v", err)
	}
	heard, asked := sound.asked[0], q.asked[0]
	if heard.Session != "s" || !heard.Deadline.Equal(deadline) || !slices.Equal(heard.In[0].Shape, []int{8000}) {
		t.Errorf("the encoder was asked for %v", heard)
	}
	if loudest := slices.Index(heard.In[0].Data, slices.Max(heard.In[0].Data)); loudest != 100 {
		t.Errorf("a click at sample 100 is heard at %d", loudest)
	}
	if asked.Session != "s" || !asked.Deadline.Equal(deadline) || asked.In[1].Data[7] != 3 || len(asked.In[0].Data) != 3*64*64 {
		t.Errorf("the net was asked for something else")
	}

	sound.answer = func(inference.ModelRequest) inference.ModelResult {
		return inference.ModelResult{Err: inference.ErrModelLate}
	}
	c, err = n.Submit(NewEar(), "s", deadline, NewImage(64), voice)
	if err != nil || !errors.Is((<-c).Err, inference.ErrModelLate) || len(q.asked) != 1 {
		t.Errorf("a late encoder: %v, the net was asked %d times", err, len(q.asked))
	}
	sound.err = inference.ErrModelBusy
	if _, err = n.Submit(NewEar(), "s", deadline, NewImage(64), voice); !errors.Is(err, inference.ErrModelBusy) {
		t.Errorf("a busy encoder: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}

	for name, change := range map[string]func(){
		"of any length":  func() { sound.in[0].Shape[1] = -1 },
		"of an hour":     func() { sound.in[0].Shape[1] = 3600 * 16000 },
		"of two inputs":  func() { sound.in = append(sound.in, sound.in[0]) },
		"of rank 2":      func() { sound.out[0].Shape = []int{-1, 384} },
		"of other width": func() { sound.out[0].Shape = []int{-1, 50, 768} },
	} {
		in, out := slices.Clone(sound.in), slices.Clone(sound.out)
		in[0].Shape, out[0].Shape = []int{-1, 8000}, []int{-1, 50, 384}
		sound.in, sound.out = in[:1], out
		change()
		if _, err := New(manifest(t, text), q, sound); err == nil {
			t.Errorf("an encoder %s is taken", name)
		}
	}
	if _, err := New(manifest(t, `{"kind": "latent", "model": "n", "size": 64}`), q, nil); err == nil || !strings.Contains(err.Error(), "encoder") {
		t.Errorf("without the encoder that it needs: %v", err)
	}
}

func TestNetsThatDoNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*queue)
		want   string
	}{
		"another size": {func(q *queue) { q.in[1].Shape[2] = 256 }, `"face"`},
		"one input":    {func(q *queue) { q.in = q.in[1:] }, "1 inputs"},
		"too much ear": {func(q *queue) { q.in[0].Shape[3] = 5000 }, "5000 columns"},
		"no frame":     {func(q *queue) { q.out[0].Shape = []int{-1, 1000} }, "no output"},
		"two same":     {func(q *queue) { q.in[0] = q.in[1] }, `"mel"`},
		"another type": {func(q *queue) { q.in[0].Type = "fp16" }, "fp16"},
		"no rank":      {func(q *queue) { q.in[0].Shape = nil }, `"mel"`},
	} {
		q := wav2lip()
		c.change(q)
		if _, err := New(manifest(t, `{"kind": "wav2lip", "model": "net.onnx", "size": 96, "type": "fp32"}`), q, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestBadFrames(t *testing.T) {
	n, err := New(manifest(t, good), wav2lip(), nil)
	if err != nil {
		t.Fatal(err)
	}
	frame := func(v float32, size int) inference.ModelResult {
		return inference.ModelResult{Out: []inference.Tensor{{Data: slices.Repeat([]float32{v}, size)}}}
	}
	full := 3 * 96 * 96
	for _, v := range []float32{7, -3, float32(math.NaN()), float32(math.Inf(1))} {
		if _, err := n.Frame(frame(v, full)); !errors.Is(err, ErrOutOfRange) {
			t.Errorf("%v everywhere: %v", v, err)
		}
	}
	if p, err := n.Frame(frame(1.02, full)); err != nil || p.Pix[0] != 255 {
		t.Errorf("a little too bright: %v", err)
	}
	for _, r := range []inference.ModelResult{frame(0, 10), {}, {Err: inference.ErrModelLate}} {
		if _, err := n.Frame(r); err == nil {
			t.Errorf("%d tensors, error %v: taken", len(r.Out), r.Err)
		}
	}
}
