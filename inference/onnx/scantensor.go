package onnx

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxConstant is how many numbers of a constant are kept: those of a shape.
const maxConstant = 16

// tensor checks a TensorProto: what it declares fits, what it holds is what it
// declares, and a file that it points to lies in the model's folder. It returns
// its name and, of a short list of int64, its numbers.
func (s *scanner) tensor(n uint64) (string, []int64, error) {
	var name string
	var elem int
	var dims, data []int64
	var raw []byte
	rawLen := int64(-1)
	external, location := false, map[string]string{}
	err := s.message(int64(n), func(num int, b bool, v uint64) (err error) {
		switch {
		case num == 1:
			dims, err = s.ints(dims, b, v, 16)
		case num == 2 && !b:
			elem = int(min(v, math.MaxInt32))
		case num == 7 && (!b || v <= 10*maxConstant):
			data, err = s.ints(data, b, v, 10*maxConstant)
		case num == 8 && b:
			name, err = s.text(v)
		case num == 9 && b:
			if rawLen = int64(v); v <= 8*maxConstant {
				raw, err = s.bytes(v)
			}
		case num == 13 && b:
			var key, value string
			err = s.message(int64(v), func(num int, b bool, v uint64) (err error) {
				switch {
				case num == 1 && b:
					key, err = s.text(v)
				case num == 2 && b:
					value, err = s.text(v)
				}
				return err
			})
			location[key] = value
		case num == 14 && !b:
			external = v == 1
		}
		return err
	})
	if err != nil {
		return name, nil, err
	}
	what := fmt.Sprintf("the weight %q", name)
	for _, d := range dims {
		if d < 0 {
			return name, nil, fmt.Errorf("%s has the shape %v: the file is damaged or hostile", what, dims)
		}
	}
	if err := s.fits(dims, elemSize(elem), what); err != nil {
		return name, nil, err
	}
	size := elemSize(elem)
	for _, d := range dims {
		size *= d // fits, or is 0
	}
	if s.net.weights += size; s.net.weights > s.limit {
		return name, nil, fmt.Errorf("its weights take more than the %d MB that it may take: raise the memory limit if you trust this net", s.limit>>20)
	}
	if external {
		return name, nil, s.outside(what, location, size)
	}
	if rawLen >= 0 && elemKnown(elem) && rawLen != size {
		return name, nil, fmt.Errorf("%s holds %d bytes where its shape %v wants %d: the file is damaged or hostile", what, rawLen, dims, size)
	}
	if elem != elemInt64 || len(dims) > 1 {
		return name, nil, nil
	}
	if raw != nil {
		data = int64s(raw)
	}
	if data != nil && len(dims) == 1 {
		s.constants[name] = data
	}
	return name, data, nil
}

func elemKnown(elem int) bool {
	return elem == elemFloat || elem == elemHalf || elem == elemInt64 || elem == elemInt32
}

// outside checks weights that lie in another file: in the model's folder or
// below it, links followed, and as long as they are said to be.
func (s *scanner) outside(what string, location map[string]string, size int64) error {
	at := location["location"]
	if at == "" || filepath.IsAbs(at) || !filepath.IsLocal(at) || strings.ContainsRune(at, 0) {
		return fmt.Errorf("%s points to %q, out of the model's folder: the file is hostile, or was exported with a path instead of a name", what, at)
	}
	dir, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		return err
	}
	path, err := filepath.EvalSymlinks(filepath.Join(dir, at))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s lies in %q, which is not there: copy it beside the model", what, at)
	}
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(dir, path); err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("%s lies in %q, a link out of the model's folder: put the file itself there", what, at)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	var numbers [2]int64 // where it begins, how long it is
	numbers[1] = size
	for i, key := range []string{"offset", "length"} {
		if text, ok := location[key]; ok {
			if numbers[i], err = strconv.ParseInt(text, 10, 64); err != nil || numbers[i] < 0 {
				return fmt.Errorf("%s has the %s %q in %q: the file is damaged", what, key, text, at)
			}
		}
	}
	if !info.Mode().IsRegular() || numbers[0] > info.Size() || numbers[1] > info.Size()-numbers[0] || numbers[1] < size {
		return fmt.Errorf("%s wants %d bytes from %d of %q, which has %d: copy or export both files again", what, max(size, numbers[1]), numbers[0], at, info.Size())
	}
	return nil
}
