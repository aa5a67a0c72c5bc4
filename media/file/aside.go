package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// asides tells apart the files that this process makes aside.
var asides atomic.Int64

// IsAside tells whether an entry of a folder, by name, is the file that a Sink
// makes aside for the one called of. What a killed process left behind may be removed.
func IsAside(name, of string) bool {
	return strings.HasPrefix(name, "."+of+".") && strings.HasSuffix(name, ".part")
}

// createAside makes an empty file beside path, by a name that nobody else has.
func createAside(path string) (*os.File, error) {
	dir, name := filepath.Split(path)
	for {
		aside := fmt.Sprintf("%s.%s.%d-%d.part", dir, name, os.Getpid(), asides.Add(1))
		f, err := os.OpenFile(aside, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}
