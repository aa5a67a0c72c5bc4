package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	ort "github.com/yalue/onnxruntime_go"
)

// Config says which runtime.
type Config struct {
	// Library is the path of libonnxruntime.so, or of a folder with it; empty is
	// the CPU build that comes with livedub. With a GPU build, its providers lie
	// in the same folder; CUDA's own libraries may.
	Library string
}

// Runtime opens nets. It is safe for concurrent use.
type Runtime struct {
	library string
	closed  atomic.Bool
}

// loaded is the process's one ONNX Runtime. It is never unloaded: its threads,
// and a driver's, do not take that well.
var loaded struct {
	sync.Mutex
	library string
	failed  error // half loaded: a second try would crash

	cudaOnce sync.Once
	cuda     error // why there is none
}

// NewRuntime loads ONNX Runtime, or takes the one that this process has: only
// one library can be loaded in the life of a process.
func NewRuntime(c Config) (*Runtime, error) {
	path, err := findLibrary(c.Library)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	loaded.Lock()
	defer loaded.Unlock()
	switch {
	case loaded.failed != nil:
		return nil, loaded.failed
	case loaded.library == path:
	case loaded.library != "":
		return nil, fmt.Errorf("onnx: %w: this one runs %s and cannot load %s beside it", ErrOtherLibrary, loaded.library, path)
	default:
		if err := inspect(path); err != nil {
			return nil, err
		}
		if err := start(path); err != nil {
			return nil, fmt.Errorf("onnx: loading %s: %w", path, err)
		}
		loaded.library = path
	}
	return &Runtime{library: path}, nil
}

// start loads the library.
func start(path string) (err error) {
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil { // some builds read it while they load
		return err
	}
	keepSignals(func() {
		ort.SetSharedLibraryPath(path)
		if err = ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil { // errors are returned too
			return
		}
		if err = ort.DisableTelemetry(); err != nil {
			loaded.failed = fmt.Errorf("onnx: %s did not start: %w; start the program anew", path, err)
		}
	})
	return err
}

// Library returns the path of the library that runs.
func (r *Runtime) Library() string { return r.library }

// Version returns the runtime's own version: "1.28.2".
func (r *Runtime) Version() string { return ort.GetVersion() }

// Close ends the opening of nets; those that are open go on.
func (r *Runtime) Close() error {
	r.closed.Store(true)
	return nil
}
