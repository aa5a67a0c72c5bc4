package settings

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"livedub/inference"
	"livedub/inference/onnx"
)

// TestHint: what a setting mends is told by its name, and the error stays what it is.
func TestHint(t *testing.T) {
	for err, want := range map[error]string{
		onnx.ErrNoLibrary:        "make build",
		onnx.ErrOtherLibrary:     "the same onnx.library",
		onnx.ErrCPUBuild:         "folder of a GPU build",
		onnx.ErrNoDriver:         "onnx.provider: cpu",
		inference.ErrModelMemory: "onnx.memory_mb",
	} {
		in := fmt.Errorf("onnx: x.onnx: %w", err)
		if got := Hint(in); !errors.Is(got, err) || !strings.HasPrefix(got.Error(), in.Error()) || !strings.Contains(got.Error(), want) {
			t.Errorf("%v: want %q in it", got, want)
		}
	}
	if other := errors.New("another"); !errors.Is(Hint(other), other) || Hint(other).Error() != other.Error() || Hint(nil) != nil {
		t.Error("an error that no setting mends was changed")
	}
}
