package onnx

import (
	"math"
	"strings"
	"testing"
)

const profile = `[
{"cat" : "Session","pid" :1,"tid" :1,"dur" :900,"ts" :5,"ph" : "X","name" :"session_initialization","args" : {}},
{"cat" : "Node","pid" :1,"tid" :1,"dur" :5000,"ts" :1000,"ph" : "X","name" :"conv_kernel_time","args" : {"op_name" : "Conv","provider" : "CPUExecutionProvider"}},
{"cat" : "Session","pid" :1,"tid" :1,"dur" :6000,"ts" :990,"ph" : "X","name" :"model_run","args" : {}},
{"cat" : "Node","pid" :1,"tid" :1,"dur" :29,"ts" :8000,"ph" : "X","name" :"conv_kernel_time","args" : {"op_name" : "Conv","provider" : "CUDAExecutionProvider"}},
{"cat" : "Node","pid" :1,"tid" :1,"dur" :9,"ts" :8040,"ph" : "X","name" :"a "quoted" name_kernel_time","args" : {"op_name" : "Conv","provider" : "CUDAExecutionProvider"}},
{"cat" : "Node","pid" :1,"tid" :1,"dur" :9,"ts" :8050,"ph" : "X","name" :"shape_kernel_time","args" : {"op_name" : "Shape","provider" : "CPUExecutionProvider"}},
{"cat" : "Session","pid" :1,"tid" :1,"dur" :100,"ts" :7990,"ph" : "X","name" :"model_run","args" : {}}
]
`

func TestParseProfile(t *testing.T) {
	got, err := parseProfile(strings.NewReader(profile))
	if err != nil || got[CUDA] != .75 || got[CPU] != .25 || got.most() != CUDA {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"", "[]", "garbage", "[\n" + strings.Repeat("x", 2*maxEvent) + "\n]", strings.Replace(profile, "Node", "node", -1)} {
		if got, err := parseProfile(strings.NewReader(text)); err == nil {
			t.Errorf("%.20q gave %v", text, got)
		}
	}
	if _, err := readShares(t.TempDir()); err == nil {
		t.Error("no profile gave shares")
	}
}

// What was asked for and did not do the work is said and refused.
func TestSilentFallback(t *testing.T) {
	for _, c := range []struct {
		asked    string
		allow    bool
		did      shares
		refused  bool
		fallback string
	}{
		{CUDA, false, shares{CUDA: .9, CPU: .1}, false, ""},
		{CUDA, false, shares{CUDA: .2, CPU: .8}, true, "80 %"},
		{CUDA, true, shares{CPU: 1}, false, "100 %"},
		{CPU, false, shares{CPU: 1}, false, ""},
	} {
		fallback, err := verify(c.asked, c.allow, c.did)
		if (err != nil) != c.refused || !strings.Contains(fallback, c.fallback) || c.fallback == "" && fallback != "" {
			t.Errorf("%+v: %q, %v", c, fallback, err)
		}
	}
}

func FuzzParseProfile(f *testing.F) {
	f.Add(profile)
	f.Add(`{"cat":"Node","dur":1e308,"ts":-1e308,"args":{"provider":"x"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseProfile(strings.NewReader(text))
		if err != nil {
			return
		}
		sum := 0.0
		for _, v := range got {
			sum += v
		}
		if math.Abs(sum-1) > 1e-6 {
			t.Errorf("shares %v add up to %v", got, sum)
		}
	})
}
