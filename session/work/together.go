package work

import (
	"errors"
	"sync"
)

// Together does fn with each of all at once and returns their errors.
func Together[T any](all []T, fn func(T) error) error {
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, x := range all {
		wg.Go(func() { errs[i] = fn(x) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
