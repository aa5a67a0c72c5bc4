package onnx

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

// load opens a library for good; it returns what the loader says, NULL if all is well.
static const char *load(const char *name) {
	return dlopen(name, RTLD_LAZY | RTLD_LOCAL) ? NULL : dlerror();
}

// driver returns the newest CUDA that the driver runs, 12040 for 12.4; 0 where there is none.
static int driver(void) {
	void *lib = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
	if (!lib)
		return 0;
	int (*version)(int *) = (int (*)(int *))dlsym(lib, "cuDriverGetVersion");
	int v = 0;
	if (!version || version(&v))
		return 0;
	return v;
}
*/
import "C"

import (
	"errors"
	"unsafe"
)

// loadLibrary has the system's loader open a library, by path or by the name it
// looks for in LD_LIBRARY_PATH and the system's folders. Who needs it later by
// that name gets this one.
func loadLibrary(name string) error {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	var said *C.char
	keepSignals(func() { said = C.load(c) })
	if said != nil {
		return errors.New(C.GoString(said))
	}
	return nil
}

// driverCUDA returns the newest CUDA version that the NVIDIA driver runs, 12040
// for 12.4, and 0 without a driver.
func driverCUDA() int {
	var v C.int
	keepSignals(func() { v = C.driver() })
	return int(v)
}
