package piper

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"livedub/inference"
	"livedub/inference/onnx/onnxfile"
	"livedub/inference/speak/spoken"
)

// Voice is one net with what is known of it.
type Voice struct {
	Name string // the file's, without its ending
	Info Info
	// Net takes input[1,n], input_lengths[1], scales[3], and, of several
	// speakers, sid[1]. It gives sound and, as second output, the frames that each
	// number of input lasts; where it does not, times are found beside another voice's.
	Net inference.Model
}

const ending = ".onnx"

// Find returns the voices that a path names: one .onnx, or all in a folder that
// have their .onnx.json beside them.
func Find(path string) ([]string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("piper: %w", err)
	}
	if !st.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path) // by name
	if err != nil {
		return nil, fmt.Errorf("piper: %w", err)
	}
	var out []string
	for _, e := range entries {
		if p := filepath.Join(path, e.Name()); strings.HasSuffix(p, ending) {
			if _, err := os.Stat(p + ".json"); err == nil {
				out = append(out, p)
			}
		}
	}
	switch {
	case len(out) == 0:
		return nil, fmt.Errorf("piper: %s holds no voice: put NAME.onnx and NAME.onnx.json there", path)
	case len(out) > maxVoices:
		return nil, fmt.Errorf("piper: %s holds %d voices, more than %d: name one, or a smaller folder", path, len(out), maxVoices)
	}
	return out, nil
}

// Load opens a voice by its .onnx, with its .onnx.json beside it. A net that
// tells no durations, and has them inside, is opened by a copy that does.
func Load(ctx context.Context, path string, open spoken.Opener) (Voice, error) {
	v := Voice{Name: strings.TrimSuffix(filepath.Base(path), ending)}
	var err error
	if v.Info, err = ReadInfo(path + ".json"); err != nil {
		return v, fmt.Errorf("piper: %w", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return v, fmt.Errorf("piper: %w", err)
	}
	f, err := onnxfile.Read(b)
	if err != nil {
		return v, fmt.Errorf("piper: %s: %w", path, err)
	}
	v.Info.sid = slices.Contains(f.Inputs, "sid")
	if len(v.Info.Speakers) > 1 && !v.Info.sid {
		return v, fmt.Errorf("piper: %s: the net takes no sid: its .json tells of %d speakers", path, len(v.Info.Speakers))
	}
	if inside := durations(f); inside != "" && len(f.Outputs) == 1 {
		if v.Net, err = spoken.OpenExposed(ctx, b, inside, open, v.Info.example); err == nil {
			return v, v.check()
		}
		if ctx.Err() != nil {
			return v, err
		}
	}
	// A net that cannot tell its durations still speaks.
	if v.Net, err = open(ctx, path, v.Info.example); err != nil {
		return v, fmt.Errorf("piper: %w", err)
	}
	return v, v.check()
}

// durations returns the value inside a VITS that holds how many frames each
// symbol lasts: whole numbers that are added up to place the symbols. "" where
// there is none, or more than one.
func durations(f onnxfile.File) string {
	summed := map[string]bool{}
	for _, op := range f.Ops {
		if (op.Type == "CumSum" || op.Type == "ReduceSum") && len(op.In) > 0 {
			summed[op.In[0]] = true
		}
	}
	found := ""
	for _, op := range f.Ops {
		if op.Type == "Ceil" && len(op.Out) == 1 && summed[op.Out[0]] {
			if found != "" {
				return ""
			}
			found = op.Out[0]
		}
	}
	return found
}

// check closes a net that lacks what is used of it.
func (v Voice) check() error {
	var in []string
	for _, t := range v.Net.Inputs() {
		in = append(in, t.Name)
	}
	want := []string{"input", "input_lengths", "scales"}
	if v.Info.sid {
		want = append(want, "sid")
	}
	if slices.Equal(in, want) && len(v.Net.Outputs()) <= 2 {
		return nil
	}
	return errors.Join(fmt.Errorf("piper: %s: the net takes %v and gives %d outputs, a voice takes %v and gives sound",
		v.Name, in, len(v.Net.Outputs()), want), v.Net.Close())
}

// exact tells whether the net tells its durations.
func (v Voice) exact() bool { return len(v.Net.Outputs()) == 2 }

// inputs returns what the net takes.
func (i *Info) inputs(ids []float32, speaker int) []inference.Tensor {
	in := []inference.Tensor{
		{Shape: []int{1, len(ids)}, Data: ids},
		{Shape: []int{1}, Data: []float32{float32(len(ids))}},
		{Shape: []int{3}, Data: []float32{i.Noise, i.Length, i.NoiseW}},
	}
	if i.sid {
		in = append(in, inference.Tensor{Shape: []int{1}, Data: []float32{float32(speaker)}})
	}
	return in
}

// trial is what every voice can say.
func (i *Info) trial() []spoken.Symbol {
	s, _, _ := i.alphabet().Symbols([]inference.Clause{{Text: "ma na la", IPA: "mˈama nˈana lˈama nˈala."}})
	return s[0]
}

func (i *Info) example(int) []inference.Tensor {
	ids, _ := i.encode(i.trial())
	return i.inputs(ids, 0)
}

// places returns at which sample each of the places among the net's numbers is,
// by the frames that each number lasts.
func places(frames []float32, at []int, samples int) ([]int, error) {
	sums := make([]float64, len(frames)+1)
	for i, f := range frames {
		if !(f >= 0) || math.IsInf(float64(f), 0) {
			return nil, errors.New("the net's durations are no numbers")
		}
		sums[i+1] = sums[i] + float64(f)
	}
	total := sums[len(frames)]
	if at[len(at)-1] >= len(sums) {
		return nil, fmt.Errorf("the net gave durations of %d symbols for %d", len(frames), at[len(at)-1]+1)
	}
	// A frame is as many samples as the net says by both: 256 of most voices.
	hop := math.Round(float64(samples) / total)
	if !(total > 0) || hop < 1 || math.Abs(float64(samples)-hop*total) > hop {
		return nil, fmt.Errorf("the net's durations, %.0f frames, are not those of its sound, %d samples", total, samples)
	}
	out := make([]int, len(at))
	for i, a := range at {
		out[i] = int(sums[a] * hop)
	}
	return out, nil
}
