package main

import (
	"path/filepath"
	"strings"
	"testing"

	"livedub/internal/config"
	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/onnxfile"
)

// The detector of speech is the recognizer's own, or Silero's net, or words on what to set.
func TestDetectorByConfig(t *testing.T) {
	real, there := groundtest.SharedOr(t, "models/silero_vad.onnx", "Silero's net is not opened")
	other := filepath.Join(t.TempDir(), "lips.onnx")
	if err := onnxfile.LatentKind(other, 16, 1, 1, false, 1); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ vad, model, want string }{
		{"silero", "", "set recognize.vad_model"},
		{"silero", "/nowhere/silero_vad.onnx", "there is no such file"},
		{"silero", other, other},
		{"silero", real, ""},
		{"webrtc", "", ""},
	} {
		if tt.vad == "silero" && tt.want == "" && !there {
			continue
		}
		c := config.Default()
		c.Recognize.VAD, c.Recognize.VADModel = tt.vad, tt.model
		e := &engines{}
		open, err := e.openDetector(t.Context(), c)
		switch {
		case tt.want != "":
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(e.closers) > 0 {
				t.Errorf("%+v: %v, %d to close", tt, err, len(e.closers))
			}
		case err != nil:
			t.Errorf("%+v: %v", tt, err)
		case tt.vad == "webrtc":
			if open != nil {
				t.Error("the default is not the recognizer's own")
			}
		default:
			d, err := open()
			if err != nil {
				t.Fatal(err)
			}
			if speech, err := d.Speech(make([]int16, 1600)); speech || err != nil {
				t.Errorf("silence: %v, %v", speech, err)
			}
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}
