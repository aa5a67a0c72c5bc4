// Package guard turns panics into errors, so that what a peer sent or an engine
// did ends one thing and not the server.
package guard

import (
	"fmt"
	"runtime/debug"
)

// Panic is the error of what panicked.
type Panic struct {
	In    string // what it was doing
	Value any
	Stack []byte
}

// Error returns all of it; the stack is on lines of its own.
func (p *Panic) Error() string { return fmt.Sprintf("%s: panic: %v\n%s", p.In, p.Value, p.Stack) }

// Do returns what fn returns, or a *Panic.
func Do(in string, fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Panic{In: in, Value: p, Stack: debug.Stack()}
		}
	}()
	return fn()
}
