package doctor

import (
	"errors"

	"livedub/inference/onnx"
)

// runtimes has a row for ONNX Runtime, which runs neural nets in this process,
// and one for what it needs to run them on an NVIDIA GPU.
func runtimes(c Config) []Check {
	core := Check{Name: "onnxruntime", Kind: "runtime", Needed: c.NeedRuntime}
	gpu := Check{Name: "onnxruntime cuda", Kind: "runtime", Install: "set onnx.library to the folder of a GPU build"}
	r, err := onnx.NewRuntime(onnx.Config{Library: c.Runtime})
	if err != nil {
		core.Detail, core.Install = oneLine(err), "make build"
		if c.Runtime != "" {
			core.Install = "set onnx.library"
		}
		gpu.Detail = "onnxruntime tells it"
		return []Check{core, gpu}
	}
	defer r.Close()
	core.Available, core.Version, core.Detail = true, r.Version(), r.Library()
	if err := r.CUDA(); err != nil {
		gpu.Detail = onnx.ErrCPUBuild.Error()
		if !errors.Is(err, onnx.ErrCPUBuild) {
			gpu.Detail, gpu.Install = oneLine(err), "docs/OPERATIONS.md, ONNX Runtime, has the steps"
		}
		return []Check{core, gpu}
	}
	gpu.Available, gpu.Version, gpu.Install = true, r.Version(), ""
	gpu.Detail = "the CUDA provider and all that it needs can be loaded"
	return []Check{core, gpu}
}
