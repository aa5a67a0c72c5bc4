package enginebench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteOnce makes the file of n in dir, or takes the one that an earlier call
// made whole. A net of gigabytes takes seconds to make.
func WriteOnce(dir string, n Net) (path string, err error) {
	path = filepath.Join(dir, n.Name+"-"+n.Precision+".onnx")
	whole := path + ".whole" // written last
	if _, err := os.Stat(whole); err == nil {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("a folder for nets: %w: name another", err)
	}
	if err := os.Remove(whole); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := n.Write(path); err != nil {
		return "", fmt.Errorf("%s takes %d MB: %w", n.Name, n.Bytes>>20, err)
	}
	return path, os.WriteFile(whole, nil, 0o644)
}
