package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// video is what encodes and decodes in hardware here. A chip may lack either:
// data-centre Hopper has decoders and no encoder.
type video struct {
	EncoderLibrary string `json:"encoder_library"` // path of NVENC's, "" if the driver brings none
	DecoderLibrary string `json:"decoder_library"` // path of NVDEC's
	FFmpeg         string `json:"ffmpeg"`          // libavcodec is tried by it: its path, "" if it is not here
	Encoder        string `json:"encoder"`         // "works", "not tried", or what was said
	Decoder        string `json:"decoder"`
}

const notTried = "not tried: no ffmpeg here"

// probeVideo looks for the driver's libraries, and has ffmpeg, where it is,
// encode a frame by h264_nvenc and decode one by h264_cuvid.
func probeVideo(ctx context.Context) video {
	v := video{
		EncoderLibrary: findLibrary("libnvidia-encode.so.1"), DecoderLibrary: findLibrary("libnvcuvid.so.1"),
		Encoder: notTried, Decoder: notTried,
	}
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		return v
	}
	v.FFmpeg = path
	dir, err := os.MkdirTemp("", "gpucheck-video-")
	if err != nil {
		v.Encoder, v.Decoder = err.Error(), err.Error()
		return v
	}
	defer os.RemoveAll(dir)
	frame := []string{"-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30", "-frames:v", "10"}
	v.Encoder = ffmpeg(ctx, path, append(frame, "-c:v", "h264_nvenc", "-f", "null", "-")...)
	clip := filepath.Join(dir, "clip.h264")
	if made := ffmpeg(ctx, path, append(frame, "-c:v", "libx264", "-pix_fmt", "yuv420p", clip)...); made != works {
		v.Decoder = "not tried: no frame to decode: " + made
		return v
	}
	v.Decoder = ffmpeg(ctx, path, "-c:v", "h264_cuvid", "-i", clip, "-f", "null", "-")
	return v
}

const works = "works"

// ffmpeg returns works, or the last line that it said.
func ffmpeg(ctx context.Context, path string, args ...string) string {
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(limited, path, append([]string{"-nostdin", "-hide_banner", "-loglevel", "error", "-y"}, args...)...)
	said, err := cmd.CombinedOutput()
	if err == nil {
		return works
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	if lines[0] == "" {
		return err.Error()
	}
	return strings.Join(strings.Fields(lines[0]), " ") // the first is the cause, the rest follows from it
}

// findLibrary returns where a library of the driver lies, "" if it is not there.
func findLibrary(name string) string {
	for _, dir := range append(filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")),
		"/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib/aarch64-linux-gnu", "/usr/local/nvidia/lib64", "/usr/lib/wsl/lib") {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); dir != "" && err == nil {
			return path
		}
	}
	return ""
}
