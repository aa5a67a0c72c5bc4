package enginebench

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"livedub/inference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFind(t *testing.T) {
	nets, err := Find("wav2lip256, musetalk-unet:fp16")
	if err != nil {
		t.Fatal(err)
	}
	if len(nets) != 2 || nets[0].Name != "wav2lip256" || nets[0].Precision != "fp32" || nets[1].Name != "musetalk-unet" || nets[1].Precision != "fp16" {
		t.Errorf("%+v", nets)
	}
	if n := nets[1]; n.Bytes < 1.5e9 || n.Bytes > 2e9 || n.GFLOP < 150 || n.GFLOP > 200 {
		t.Errorf("%+v", n)
	}
	for _, wrong := range []string{"", "wav2lip", "wav2lip96:int8", "wav2lip96,,"} {
		if _, err := Find(wrong); err == nil || !strings.Contains(err.Error(), "wav2lip96:fp32") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestExample(t *testing.T) {
	inputs := []inference.TensorInfo{{Name: "mel", Shape: []int{-1, 1, 80, 16}}, {Name: "face", Shape: []int{-1, 6, 8, 8}}, {Name: "audio", Shape: []int{-1, 5, -1}}}
	in := Example(inputs, 2, 1)
	if !slices.Equal(in[0].Shape, []int{2, 1, 80, 16}) || !slices.Equal(in[2].Shape, []int{2, 5, 1}) || len(in[1].Data) != 2*6*8*8 {
		t.Errorf("%v %v %v", in[0].Shape, in[1].Shape, in[2].Shape)
	}
	if lo, hi := slices.Min(in[0].Data), slices.Max(in[0].Data); lo < -4 || lo > -3.9 || hi > 4 || hi < 3.9 {
		t.Errorf("mel within %v..%v", lo, hi)
	}
	if lo, hi := slices.Min(in[1].Data), slices.Max(in[1].Data); lo < 0 || hi > 1 || hi < .9 {
		t.Errorf("face within %v..%v", lo, hi)
	}
	if !reflect.DeepEqual(in, Example(inputs, 2, 1)) || reflect.DeepEqual(in, Example(inputs, 2, 2)) {
		t.Error("the seed does not decide")
	}
	if item := Example(inputs, 0, 1); !slices.Equal(item[1].Shape, []int{6, 8, 8}) {
		t.Errorf("an item of shape %v", item[1].Shape)
	}
}
