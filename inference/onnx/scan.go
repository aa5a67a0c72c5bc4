package onnx

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
)

const maxPorts = 256 // inputs or outputs of a net

// netFile is what a model's file says of itself.
type netFile struct {
	inputs, outputs []port
	weights         int64 // bytes, those in other files included
}

// port is one declared input, output or inner value.
type port struct {
	name   string
	tensor bool
	elem   int      // its type, as ONNX numbers them
	shaped bool     // its rank is known
	dims   []int64  // -1: any size
	params []string // the names of sizes left open, "" where they have none
}

// scan reads a model's file before the runtime does and refuses what lies,
// leads out of its folder, or wants a tensor of more than limit bytes. The
// runtime believes a file: it allocates first and looks then.
func scan(path string, limit int64) (netFile, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return netFile{}, errors.New("there is no such file: check the path")
	}
	if err != nil {
		return netFile{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return netFile{}, err
	case !info.Mode().IsRegular():
		return netFile{}, errors.New("this is no file: name the .onnx file itself")
	case info.Size() == 0:
		return netFile{}, errors.New("the file is empty: copy or export it again")
	}
	s := &scanner{wire: wire{r: bufio.NewReaderSize(f, 64<<10)}, dir: filepath.Dir(path), limit: limit, constants: map[string][]int64{}}
	return s.model(info.Size())
}

// scanner walks one file.
type scanner struct {
	wire
	dir   string
	limit int64

	graphs    int // seen
	net       netFile
	inits     map[string]bool    // names of the outermost graph's weights
	constants map[string][]int64 // short lists of numbers, by name
	makers    []maker
}

// maker is a node that makes a tensor of a size that a constant gives.
type maker struct {
	op, size string
	shape    []int64 // by attribute
}

func (s *scanner) model(size int64) (netFile, error) {
	s.inits = map[string]bool{}
	err := s.message(size, func(num int, b bool, v uint64) error {
		switch {
		case num == 7 && b:
			return s.graph(v, true)
		case num == 25 && b: // a function, whose nodes are its field 7
			return s.message(int64(v), func(num int, b bool, v uint64) error {
				if num == 7 && b {
					return s.node(v)
				}
				return nil
			})
		}
		return nil
	})
	if err != nil {
		return netFile{}, err
	}
	if s.graphs == 0 {
		return netFile{}, errors.New("there is no graph in it: this is not an ONNX file")
	}
	for _, m := range s.makers {
		shape := m.shape
		if m.size != "" {
			shape = s.constants[m.size]
		}
		if err := s.fits(shape, 1, "a "+m.op); err != nil {
			return netFile{}, err
		}
	}
	// Weights with a default may be declared as inputs too; the runtime asks for the others only.
	s.net.inputs = slices.DeleteFunc(s.net.inputs, func(p port) bool { return s.inits[p.name] })
	return s.net, nil
}

func (s *scanner) graph(n uint64, outermost bool) error {
	s.graphs++
	return s.message(int64(n), func(num int, b bool, v uint64) error {
		if !b {
			return nil
		}
		switch num {
		case 1:
			return s.node(v)
		case 5:
			name, _, err := s.tensor(v)
			if outermost {
				s.inits[name] = true
			}
			return err
		case 11, 12, 13:
			p, err := s.port(v)
			if err != nil || !outermost {
				return err
			}
			if num == 11 {
				s.net.inputs = append(s.net.inputs, p)
			} else if num == 12 {
				s.net.outputs = append(s.net.outputs, p)
			}
			if len(s.net.outputs) > maxPorts {
				return fmt.Errorf("more than %d outputs", maxPorts)
			}
		}
		return nil
	})
}

// node notes what makes large tensors, and walks into the graphs of an If, a Loop or a Scan.
func (s *scanner) node(n uint64) error {
	var in, out []string
	var op string
	var value []int64
	err := s.message(int64(n), func(num int, b bool, v uint64) (err error) {
		var t string
		switch {
		case (num == 1 || num == 2 || num == 4) && b:
			if t, err = s.text(v); err != nil {
				return err
			}
			switch {
			case num == 4:
				op = t
			case num == 1 && len(in) < 4:
				in = append(in, t)
			case num == 2 && len(out) < 4:
				out = append(out, t)
			}
		case num == 5 && b:
			list, err := s.attribute(v)
			if list != nil {
				value = list
			}
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	switch {
	case op == "LayerNormalization" && len(in) == 3 && in[2] == "":
		return errors.New("a LayerNormalization has an empty bias, on which ONNX Runtime crashes: export it with two inputs, or with a bias of zeros")
	case op == "Constant" && len(out) > 0 && value != nil:
		s.constants[out[0]] = value
	case op == "ConstantOfShape" && len(in) > 0:
		s.makers = append(s.makers, maker{op: op, size: in[0]})
	case (op == "Expand" || op == "Tile") && len(in) > 1:
		s.makers = append(s.makers, maker{op: op, size: in[1]})
	case op == "RandomNormal" || op == "RandomUniform":
		s.makers = append(s.makers, maker{op: op, shape: value})
	}
	return nil
}

// attribute returns the numbers of a node's value, value_ints or shape, and walks what else there is.
func (s *scanner) attribute(n uint64) ([]int64, error) {
	var name string
	var list, ints []int64
	err := s.message(int64(n), func(num int, b bool, v uint64) (err error) {
		switch {
		case num == 1 && b:
			name, err = s.text(v)
		case (num == 5 || num == 10) && b:
			_, list, err = s.tensor(v)
		case (num == 6 || num == 11) && b:
			err = s.graph(v, false)
		case num == 8:
			ints, err = s.ints(ints, b, v, math.MaxInt32)
		}
		return err
	})
	switch name {
	case "value":
		return list, err
	case "value_ints", "shape":
		return ints, err
	}
	return nil, err
}
