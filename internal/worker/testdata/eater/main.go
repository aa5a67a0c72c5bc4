// Command eater is a worker that takes as many megabytes as it is asked to.
package main

import (
	"bytes"
	"context"
	"os"
	"strconv"

	"livedub/internal/worker/child"
)

type eater struct{}

func (eater) Notice([]byte) {}

func (eater) Answer(_ context.Context, b []byte) ([]byte, error) {
	n, err := strconv.Atoi(string(b))
	all := make([][]byte, 0, n)
	for range n {
		all = append(all, bytes.Repeat([]byte{1}, 1<<20))
	}
	return []byte(strconv.Itoa(len(all))), err
}

func main() {
	if child.Main(func() (child.Engine, []byte, error) { return eater{}, nil, nil }) != nil {
		os.Exit(1)
	}
}
