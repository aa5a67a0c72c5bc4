package onnx

import (
	"errors"

	ort "github.com/yalue/onnxruntime_go"
	"golang.org/x/sys/unix"
)

// withMemory has f create a session whose main memory is bounded by limit
// bytes, its weights included. The runtime bounds only memory that sessions may
// share, so that one is offered while the session is created: the session keeps
// it, and takes it along when it is closed. One at a time: see keepSignals.
func withMemory(limit int64, f func() error) (err error) {
	arena, err := ort.NewArenaCfg(int(limit), 1, -1, -1) // 1: no more than is asked for
	if err != nil {
		return err
	}
	defer arena.Destroy()
	info, err := ort.GetMemoryInfo()
	if err != nil {
		return err
	}
	if err := ort.CreateAndRegisterAllocator(info, arena); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ort.UnregisterAllocator(info)) }()
	return f()
}

// halfMemory returns half of the machine's memory, in bytes.
func halfMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 4 << 30
	}
	return int64(info.Totalram) * int64(info.Unit) / 2
}
