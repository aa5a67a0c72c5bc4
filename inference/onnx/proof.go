package onnx

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// shares tells which part of a net's work each provider did, of 1.
type shares map[string]float64

// most returns the provider that did most of the work.
func (s shares) most() string {
	best, name := -1.0, ""
	for n, v := range s {
		if v > best || v == best && n < name {
			best, name = v, n
		}
	}
	return name
}

// verify compares who did the work with who was asked to. It returns what is to
// be said of it, and an error if that is not allowed.
func verify(asked string, allow bool, did shares) (fallback string, err error) {
	most := did.most()
	if most == asked {
		return "", nil
	}
	fallback = fmt.Sprintf("%s was asked for and %s did %.0f %% of the work: %s has no kernels for what the net wants", asked, most, 100*did[most], asked)
	if !allow {
		return fallback, fmt.Errorf("%s; export the net otherwise, or allow the fallback (onnx.allow_fallback)", fallback)
	}
	return fallback, nil
}

// maxEvent is the longest line of a profile that is read; those of a net with
// very long names are left out.
const maxEvent = 1 << 20

// readShares reads the profile that the runtime wrote into dir.
func readShares(dir string) (shares, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, errors.New("ONNX Runtime wrote no profile: which device did the work cannot be told")
	}
	f, err := os.Open(files[0])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseProfile(f)
}

// parseProfile weighs the nodes of a profile by their time: how long the host
// took to run them, or to hand them to the GPU. Nodes of the first of several
// runs, which has the setting up in it, do not count.
//
// The profile is a list with one event a line. The runtime puts a net's own
// names into it as they are, so that one line may be broken and the next is not.
func parseProfile(r io.Reader) (shares, error) {
	type node struct {
		provider string
		ts, dur  float64
	}
	var nodes []node
	firstEnd, runs := math.Inf(-1), 0
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := readLine(lines)
		var e struct {
			Cat  string  `json:"cat"`
			Name string  `json:"name"`
			TS   float64 `json:"ts"`
			Dur  float64 `json:"dur"`
			Args struct {
				Provider string `json:"provider"`
			} `json:"args"`
		}
		line = bytes.Trim(line, "[], \t\r\n")
		if len(line) > 0 && json.Unmarshal(line, &e) == nil && e.Dur >= 0 {
			switch {
			case e.Cat == "Session" && e.Name == "model_run":
				if end := e.TS + e.Dur; runs == 0 || end < firstEnd {
					firstEnd = end
				}
				runs++
			case e.Cat == "Node" && e.Args.Provider != "":
				nodes = append(nodes, node{e.Args.Provider, e.TS, e.Dur})
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	sum, total := shares{}, 0.0
	for _, n := range nodes {
		if runs > 1 && n.ts < firstEnd {
			continue
		}
		weight := n.dur + 1 // us; a node counts, however short
		sum[providerName(n.provider)] += weight
		total += weight
	}
	if total == 0 || math.IsInf(total, 0) {
		return nil, errors.New("ONNX Runtime's profile names no node: which device did the work cannot be told")
	}
	for n := range sum {
		sum[n] /= total
	}
	return sum, nil
}

// readLine returns the next line, cut at maxEvent.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) <= maxEvent {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// providerName shortens the runtime's names: "CUDAExecutionProvider" is "cuda".
func providerName(s string) string {
	return strings.ToLower(strings.TrimSuffix(s, "ExecutionProvider"))
}
