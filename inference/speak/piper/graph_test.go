package piper

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"livedub/inference"
	"livedub/inference/onnx"
	"livedub/inference/onnx/onnxfile"
	"livedub/inference/speak"
	"livedub/inference/speak/spoken"
	"livedub/media/codec"
)

// vits describes a net of the shape of Piper's: each symbol lasts as many frames as
// it says, and sounds as a tone of the speaker's.
type vits struct {
	speakers []float64    // Hz; nil is one of 120
	frames   map[rune]int // of symbols other than common
	amps     map[rune]float32
	times    float32 // of all durations; 0 is 1
	hidden   bool    // durations are not added up where anybody sees it
	split    bool    // two values look like durations
}

const (
	rate    = 22050
	hop     = 256
	known   = "_^$ !,-.:;?abdefhijklmnopqrstuvwxzæðŋɐɑɔəɛɡɪɲɹɾʁʃʊʌʒˈˌː\u0303βθ"
	common  = 5 // frames of a phoneme
	breath  = 3 // of a space
	comma   = 12
	blank   = 1 // of what stands between symbols, and before and behind them
	marksMS = 1000. * hop / rate
)

func frames(v vits, r rune) int {
	if f, ok := v.frames[r]; ok {
		return f
	}
	switch r {
	case '_', '^', '$', 'ˈ', 'ˌ', '\u0303':
		return blank
	case ' ':
		return breath
	case '!', ',', '.', ':', ';', '?', '-':
		return comma
	}
	return common
}

// write makes NAME.onnx and its .json in dir.
func (v vits) write(t *testing.T, dir, name, code string, spoil func(map[string]any)) string {
	t.Helper()
	if v.speakers == nil {
		v.speakers = []float64{120}
	}
	if v.times == 0 {
		v.times = 1
	}
	ids, n := map[string][]int{}, 0
	var durations, amps []float32
	for _, r := range known {
		ids[string(r)] = []int{n}
		n++
		a := float32(.5)
		switch r {
		case ' ', '!', ',', '.', ':', ';', '?', '-':
			a = 0
		}
		if x, ok := v.amps[r]; ok {
			a = x
		}
		durations, amps = append(durations, float32(frames(v, r))*v.times), append(amps, a)
	}
	path := filepath.Join(dir, name+".onnx")
	if err := v.graph(durations, amps).Write(path); err != nil {
		t.Fatal(err)
	}
	speakers := map[string]int{}
	for i := range v.speakers {
		if len(v.speakers) > 1 {
			speakers[string(rune('A'+i))] = i
		}
	}
	info := map[string]any{
		"audio": map[string]any{"sample_rate": rate}, "espeak": map[string]any{"voice": "es"}, "language": map[string]any{"code": code},
		"inference":    map[string]any{"noise_scale": .667, "length_scale": 1, "noise_w": .8},
		"phoneme_type": "espeak", "phoneme_map": map[string]any{}, "phoneme_id_map": ids,
		"num_speakers": len(v.speakers), "speaker_id_map": speakers,
	}
	if spoil != nil {
		spoil(info)
	}
	b, err := json.Marshal(info)
	if err == nil {
		err = os.WriteFile(path+".json", b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// graph is the net: a table of durations, a length regulator by their running sum,
// and a sine.
func (v vits) graph(durations, amps []float32) *onnxfile.Graph {
	g := onnxfile.New("vits")
	ids := g.Input("input", onnxfile.Int64, onnxfile.Batch, g.Size("phonemes"))
	g.Input("input_lengths", onnxfile.Int64, onnxfile.Batch)
	scales := g.Input("scales", onnxfile.FP32, 3)
	speaker := g.Ints("first", 0)
	if len(v.speakers) > 1 {
		speaker = g.Input("sid", onnxfile.Int64, onnxfile.Batch)
	}
	var hz []float32
	for _, f := range v.speakers {
		hz = append(hz, float32(f))
	}
	zero, one, two := g.Ints("zero", 0), g.Ints("one", 1), g.Ints("two", 2)
	axis := g.Ints("axis", -1)
	table := g.Floats("table", onnxfile.FP32, []int{len(durations)}, durations...)
	loud := g.Floats("loud", onnxfile.FP32, []int{len(amps)}, amps...)
	tones := g.Floats("tones", onnxfile.FP32, []int{len(hz)}, hz...)

	scale := g.Op("Gather", []string{scales, one}) // length_scale
	own := g.Op("Unsqueeze", []string{g.Op("Mul", []string{g.Op("Gather", []string{table, ids}), scale}), one})
	d := "durations"
	g.Node("Ceil", []string{own}, []string{d}) // [1,1,n]
	seen := d
	if v.hidden {
		seen = g.Op("Identity", []string{d})
	}
	if v.split {
		g.Op("ReduceSum", []string{g.Op("Ceil", []string{own}), two})
	}
	total := g.Op("ReduceSum", []string{seen, g.Ints("all", 0, 1, 2)}, onnxfile.Int("keepdims", 0))
	ends := g.Op("CumSum", []string{seen, g.Op("Squeeze", []string{two})})
	places := g.Op("Range", []string{g.Floats("f0", onnxfile.FP32, nil, 0), total, g.Floats("f1", onnxfile.FP32, nil, 1)})
	over := g.Op("LessOrEqual", []string{g.Op("Reshape", []string{ends, g.Ints("column", -1, 1)}), places}) // [n,frames]
	index := g.Op("Cast", []string{g.Op("ReduceSum", []string{g.Op("Cast", []string{over}, onnxfile.Int("to", int(onnxfile.FP32))), zero}, onnxfile.Int("keepdims", 0))}, onnxfile.Int("to", int(onnxfile.Int64)))
	symbol := g.Op("Gather", []string{g.Op("Reshape", []string{ids, axis}), index}) // of each frame
	amp := g.Op("Unsqueeze", []string{g.Op("Gather", []string{loud, symbol}), one})
	amp = g.Op("Reshape", []string{g.Op("Mul", []string{amp, g.Floats("hop", onnxfile.FP32, []int{1, hop}, ones(hop)...)}), axis})
	samples := g.Op("Range", []string{"f0", g.Op("Mul", []string{total, g.Floats("fhop", onnxfile.FP32, nil, hop)}), "f1"})
	step := g.Op("Mul", []string{g.Op("Gather", []string{tones, speaker}), g.Floats("turn", onnxfile.FP32, nil, 2*math.Pi/rate)})
	wave := g.Op("Mul", []string{g.Op("Sin", []string{g.Op("Mul", []string{samples, step})}), amp})
	g.Node("Reshape", []string{wave, g.Ints("shape", 1, 1, 1, -1)}, []string{"output"})
	g.Output("output", onnxfile.FP32, onnxfile.Batch, g.Size("time"), 1, g.Size("dim"))
	return g
}

func ones(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// opener opens nets by the real runtime.
func opener(t *testing.T) spoken.Opener {
	t.Helper()
	r, err := onnx.NewRuntime(onnx.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return func(ctx context.Context, path string, example func(int) []inference.Tensor) (inference.Model, error) {
		return r.Open(ctx, onnx.ModelConfig{Path: path, Threads: 1, Example: example, AnySize: true})
	}
}

// load opens all voices of a folder.
func load(t *testing.T, dir string) (all []Voice) {
	t.Helper()
	paths, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	open := opener(t)
	for _, p := range paths {
		v, err := Load(t.Context(), p, open)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func espeak(t *testing.T) *speak.Espeak {
	t.Helper()
	e, err := speak.NewEspeak(speak.Config{Worker: workerPath, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// piper opens all voices of a folder as livedub does.
func piper(t *testing.T, dir string) *Piper {
	t.Helper()
	e := espeak(t)
	p, err := New(t.Context(), Config{Voices: load(t, dir), Phonemes: e, Reference: e, Stretch: codec.Stretch})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}
