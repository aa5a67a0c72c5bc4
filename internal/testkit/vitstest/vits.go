// Package vitstest makes nets of the shape of Piper's voices, whose sound and
// durations are known.
package vitstest

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"livedub/inference/onnx/onnxfile"
)

// Net is a net of the shape of Piper's: each symbol lasts as many frames as
// it says, and sounds as a tone of the speaker's.
type Net struct {
	Speakers []float64    // Hz; nil is one of 120
	Frames   map[rune]int // of symbols other than common
	Amps     map[rune]float32
	Times    float32 // of all durations; 0 is 1
	Hidden   bool    // durations are not added up where anybody sees it
	Split    bool    // two values look like durations
}

const (
	// Rate is the sample rate of what it speaks, Hz; Hop is how many samples a frame has.
	Rate = 22050
	Hop  = 256

	known = "_^$ !,-.:;?abdefhijklmnopqrstuvwxzæðŋɐɑɔəɛɡɪɲɹɾʁʃʊʌʒˈˌː\u0303βθ"
)

// Frames of a phoneme, of a space, of punctuation, and of what stands between
// symbols, before and behind them.
const (
	Common = 5
	Breath = 3
	Comma  = 12
	Blank  = 1
)

func frames(v Net, r rune) int {
	if f, ok := v.Frames[r]; ok {
		return f
	}
	switch r {
	case '_', '^', '$', 'ˈ', 'ˌ', '\u0303':
		return Blank
	case ' ':
		return Breath
	case '!', ',', '.', ':', ';', '?', '-':
		return Comma
	}
	return Common
}

// Write makes NAME.onnx and its .json, which spoil may change first, in dir. code
// is the voice's language, as "es_ES". It returns the path of NAME.onnx.
func (v Net) Write(t testing.TB, dir, name, code string, spoil func(map[string]any)) string {
	t.Helper()
	if v.Speakers == nil {
		v.Speakers = []float64{120}
	}
	if v.Times == 0 {
		v.Times = 1
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
		if x, ok := v.Amps[r]; ok {
			a = x
		}
		durations, amps = append(durations, float32(frames(v, r))*v.Times), append(amps, a)
	}
	path := filepath.Join(dir, name+".onnx")
	if err := v.graph(durations, amps).Write(path); err != nil {
		t.Fatal(err)
	}
	speakers := map[string]int{}
	for i := range v.Speakers {
		if len(v.Speakers) > 1 {
			speakers[string(rune('A'+i))] = i
		}
	}
	info := map[string]any{
		"audio": map[string]any{"sample_rate": Rate}, "espeak": map[string]any{"voice": "es"}, "language": map[string]any{"code": code},
		"inference":    map[string]any{"noise_scale": .667, "length_scale": 1, "noise_w": .8},
		"phoneme_type": "espeak", "phoneme_map": map[string]any{}, "phoneme_id_map": ids,
		"num_speakers": len(v.Speakers), "speaker_id_map": speakers,
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
func (v Net) graph(durations, amps []float32) *onnxfile.Graph {
	g := onnxfile.New("vits")
	ids := g.Input("input", onnxfile.Int64, onnxfile.Batch, g.Size("phonemes"))
	g.Input("input_lengths", onnxfile.Int64, onnxfile.Batch)
	scales := g.Input("scales", onnxfile.FP32, 3)
	speaker := g.Ints("first", 0)
	if len(v.Speakers) > 1 {
		speaker = g.Input("sid", onnxfile.Int64, onnxfile.Batch)
	}
	var hz []float32
	for _, f := range v.Speakers {
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
	if v.Hidden {
		seen = g.Op("Identity", []string{d})
	}
	if v.Split {
		g.Op("ReduceSum", []string{g.Op("Ceil", []string{own}), two})
	}
	total := g.Op("ReduceSum", []string{seen, g.Ints("all", 0, 1, 2)}, onnxfile.Int("keepdims", 0))
	ends := g.Op("CumSum", []string{seen, g.Op("Squeeze", []string{two})})
	places := g.Op("Range", []string{g.Floats("f0", onnxfile.FP32, nil, 0), total, g.Floats("f1", onnxfile.FP32, nil, 1)})
	over := g.Op("LessOrEqual", []string{g.Op("Reshape", []string{ends, g.Ints("column", -1, 1)}), places}) // [n,frames]
	index := g.Op("Cast", []string{g.Op("ReduceSum", []string{g.Op("Cast", []string{over}, onnxfile.Int("to", int(onnxfile.FP32))), zero}, onnxfile.Int("keepdims", 0))}, onnxfile.Int("to", int(onnxfile.Int64)))
	symbol := g.Op("Gather", []string{g.Op("Reshape", []string{ids, axis}), index}) // of each frame
	amp := g.Op("Unsqueeze", []string{g.Op("Gather", []string{loud, symbol}), one})
	amp = g.Op("Reshape", []string{g.Op("Mul", []string{amp, g.Floats("hop", onnxfile.FP32, []int{1, Hop}, ones(Hop)...)}), axis})
	samples := g.Op("Range", []string{"f0", g.Op("Mul", []string{total, g.Floats("fhop", onnxfile.FP32, nil, Hop)}), "f1"})
	step := g.Op("Mul", []string{g.Op("Gather", []string{tones, speaker}), g.Floats("turn", onnxfile.FP32, nil, 2*math.Pi/Rate)})
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
