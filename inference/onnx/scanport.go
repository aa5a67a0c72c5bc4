package onnx

import (
	"fmt"
	"math"
	"math/bits"
)

// port reads a ValueInfoProto. One whose size is known must fit.
func (s *scanner) port(n uint64) (port, error) {
	var p port
	err := s.message(int64(n), func(num int, b bool, v uint64) (err error) {
		switch {
		case num == 1 && b:
			p.name, err = s.text(v)
		case num == 2 && b:
			err = s.message(int64(v), func(num int, b bool, v uint64) error {
				if num != 1 || !b {
					return nil
				}
				p.tensor = true
				return s.tensorType(v, &p)
			})
		}
		return err
	})
	if err != nil {
		return p, err
	}
	return p, s.fits(p.dims, elemSize(p.elem), fmt.Sprintf("%q", p.name))
}

func (s *scanner) tensorType(n uint64, p *port) error {
	return s.message(int64(n), func(num int, b bool, v uint64) error {
		switch {
		case num == 1 && !b:
			p.elem = int(min(v, math.MaxInt32))
		case num == 2 && b:
			p.shaped = true
			return s.message(int64(v), func(num int, b bool, v uint64) error {
				if num != 1 || !b {
					return nil
				}
				if len(p.dims) == 16 {
					return fmt.Errorf("%q has more than 16 dimensions", p.name)
				}
				dim, param := int64(-1), ""
				err := s.message(int64(v), func(num int, b bool, v uint64) (err error) {
					switch {
					case num == 1 && !b:
						dim = int64(v)
					case num == 2 && b:
						param, err = s.text(v)
					}
					return err
				})
				if dim == 0 && param == "" || dim < -1 {
					dim = -1 // what some exporters write for a size left open
				}
				p.dims, p.params = append(p.dims, dim), append(p.params, param)
				return err
			})
		}
		return nil
	})
}

// fits refuses a tensor of more bytes than the limit. Sizes left open count as 1.
func (s *scanner) fits(dims []int64, elem int64, what string) error {
	size := uint64(elem)
	for _, d := range dims {
		if d <= 0 {
			continue
		}
		hi, lo := bits.Mul64(size, uint64(d))
		if size = lo; hi != 0 || size > uint64(s.limit) {
			return fmt.Errorf("%s is a tensor of shape %v, more than the %d MB that it may take: raise the memory limit if you trust this net", what, dims, s.limit>>20)
		}
	}
	return nil
}

// elemSize returns the bytes of an element type; 1 if it has no one size.
func elemSize(elem int) int64 {
	switch elem {
	case elemFloat, elemInt32, 12:
		return 4
	case elemInt64, 11, 13, 14:
		return 8
	case elemHalf, 4, 5, 16:
		return 2
	case 15:
		return 16
	}
	return 1
}
