package inference

import (
	"errors"
	"io"
	"time"
)

// CPUOf returns the sum of what those of several engines used that tell it (Coster).
func CPUOf[E any](engines []E) (sum time.Duration) {
	for _, e := range engines {
		if c, ok := any(e).(Coster); ok {
			sum += c.CPU()
		}
	}
	return sum
}

// CloseAll closes several engines, in order, and returns every error.
func CloseAll[E io.Closer](engines []E) error {
	var err error
	for _, e := range engines {
		err = errors.Join(err, e.Close())
	}
	return err
}
