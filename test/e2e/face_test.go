package e2e

import (
	"testing"

	"livedub/internal/testkit/groundtest"
)

// faceCamera films a talking face for Chromium's camera, 640 by 360: a real
// person's where test clips lie beside the checkout, else the drawn one.
func faceCamera(t *testing.T, path string) {
	t.Helper()
	clip, ok := groundtest.SharedOr(t, "clips/ls__demo2_video.mp4", "a drawn face is filmed")
	if !ok {
		film(t, path, 300)
		return
	}
	ffmpeg(t, "-t", "8", "-i", clip, "-an", "-vf", "crop=1080:608:0:200,scale=640:360,fps=30", "-q:v", "4", path)
}

// cardCamera films a test card, which moves everywhere.
func cardCamera(t *testing.T, path string) {
	t.Helper()
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc2=size=640x480:rate=30:d=4", "-q:v", "4", path)
}
