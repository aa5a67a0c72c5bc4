package face

import (
	"testing"
	"time"

	"livedub/inference"
	"livedub/inference/inferencetest"
	"livedub/media"
)

func open(t *testing.T) inference.FaceTracker {
	t.Helper()
	tracker, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return tracker
}

func TestContract(t *testing.T) {
	var pictures []*media.Frame
	for i := range 12 {
		d := upright(320+2*float64(i), 170, 60)
		d.open = float64(i%4) / 12
		f := draw(640, 360, time.Duration(i)*40*ms, d)
		defer f.Release()
		pictures = append(pictures, f)
	}
	inferencetest.TestFaces(t, open, pictures)
}
