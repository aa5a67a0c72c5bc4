package onnx

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"
)

const (
	cudaProvider   = "libonnxruntime_providers_cuda.so"
	sharedProvider = "libonnxruntime_providers_shared.so"
)

// ErrCPUBuild is of Runtime.CUDA; it says that the runtime is a build without CUDA: nothing is broken.
var ErrCPUBuild = errors.New("this ONNX Runtime is a build for the CPU")

// CUDA makes the runtime ready to run nets on NVIDIA GPUs and returns what keeps
// it from that, nil if nothing does. It looks once: what is loaded stays, and
// what is missing may be found at the program's next start only.
func (r *Runtime) CUDA() error {
	loaded.cudaOnce.Do(func() { loaded.cuda = prepareCUDA(filepath.Dir(r.library), r.library) })
	return loaded.cuda
}

func prepareCUDA(dir, core string) error {
	var missing []string
	for _, name := range []string{sharedProvider, cudaProvider} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			missing = append(missing, name)
		}
	}
	switch len(missing) {
	case 2:
		return fmt.Errorf("%w: %s has no %s beside it", ErrCPUBuild, core, cudaProvider)
	case 1:
		return fmt.Errorf("%s is missing beside %s: unpack the GPU build whole, all its libraries in one folder", missing[0], core)
	}
	provider, err := readProvider(dir)
	if err != nil {
		return err
	}
	if err := provider.fits(driverCUDA()); err != nil {
		return err
	}
	if err := provider.load(loadLibrary); err != nil {
		return err
	}
	// This loads the provider itself, by the core, which knows whether it is one of its build.
	keepSignals(func() {
		var o *ort.CUDAProviderOptions
		if o, err = ort.NewCUDAProviderOptions(); err == nil {
			err = o.Destroy()
		}
	})
	if err != nil && strings.Contains(err.Error(), "not enabled in this build") {
		return fmt.Errorf("%w, though %s lies beside it: core and providers must come from one build", ErrCPUBuild, cudaProvider)
	}
	if err != nil {
		return fmt.Errorf("ONNX Runtime cannot load its CUDA provider: %s: core and providers in %s must come from one build, for this CUDA", short(err), dir)
	}
	return nil
}

// provider is what the CUDA provider's file says that it needs.
type provider struct {
	path   string
	needs  []string // libraries, by the name the loader looks for
	search []string // folders that it looks in before the system's
	major  int      // of CUDA, 0 if it does not show
}

var cudaLibrary = regexp.MustCompile(`^lib(cublasLt|cublas|cudart)\.so\.(\d+)`)

func readProvider(dir string) (provider, error) {
	p := provider{path: filepath.Join(dir, cudaProvider), search: []string{dir}}
	lib, err := elf.Open(p.path)
	if err != nil {
		return p, fmt.Errorf("%s is no shared library (%w): unpack the GPU build again", p.path, err)
	}
	defer lib.Close()
	if p.needs, err = lib.ImportedLibraries(); err != nil {
		return p, fmt.Errorf("%s: %w: unpack the GPU build again", p.path, err)
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		paths, _ := lib.DynString(tag)
		for _, list := range paths {
			for _, path := range filepath.SplitList(list) {
				p.search = append(p.search, strings.NewReplacer("$ORIGIN", dir, "${ORIGIN}", dir).Replace(path))
			}
		}
	}
	for _, name := range p.needs {
		if m := cudaLibrary.FindStringSubmatch(name); m != nil {
			p.major, _ = strconv.Atoi(m[2])
		}
	}
	return p, nil
}

// fits compares with the newest CUDA that the driver runs.
func (p provider) fits(driver int) error {
	if driver == 0 {
		return ErrNoDriver
	}
	if p.major > driver/1000 {
		return fmt.Errorf("%s is built for CUDA %d and the driver runs CUDA %d.%d at most: update the driver, or take an ONNX Runtime built for CUDA %d",
			p.path, p.major, driver/1000, driver%1000/10, driver/1000)
	}
	return nil
}

// load opens all that the provider needs, so that what is missing is told by
// name; what lies beside the provider needs no LD_LIBRARY_PATH this way. load
// opens one library by path or name.
func (p provider) load(load func(string) error) error {
	open := p.needs
	said := map[string]error{}
	for len(open) > 0 { // again while any opens: those in one folder need one another
		var left []string
		for _, name := range open {
			if said[name] = p.loadOne(name, load); said[name] != nil {
				left = append(left, name)
			}
		}
		if len(left) == len(open) {
			break
		}
		open = left
	}
	var missing []string
	for _, name := range open {
		if name == sharedProvider { // the core's to load
			continue
		}
		if said[name] != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	fix := fmt.Sprintf("install CUDA %d's libraries with cuDNN, or put them in %s, or name their folder in LD_LIBRARY_PATH before livedub starts", p.major, filepath.Dir(p.path))
	for other := 11; other <= 14; other++ {
		if other != p.major && load("libcublasLt.so."+strconv.Itoa(other)) == nil {
			fix = fmt.Sprintf("this machine has those of CUDA %d: take an ONNX Runtime built for CUDA %d, or install CUDA %d's beside them", other, other, p.major)
		}
	}
	return fmt.Errorf("%s needs %s (%s): %s", p.path, strings.Join(missing, ", "), short(said[missing[0]]), fix)
}

func (p provider) loadOne(name string, load func(string) error) error {
	var first error
	for _, dir := range p.search {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			continue
		}
		err := load(path)
		if err == nil {
			return nil
		}
		first = errors.Join(first, err)
	}
	err := load(name)
	if err != nil && first != nil {
		return first
	}
	return err
}
