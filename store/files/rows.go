package files

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"livedub/store"
)

// maxLine is how many bytes a line of rows may have; the longest row has fewer.
const maxLine = 1 << 20

// line is a row as it is written: one of the pointers is set.
type line struct {
	Rewritten *rewritten     `json:"rewritten,omitempty"` // the first line of a file that was written anew
	Dub       *store.Dub     `json:"dub,omitempty"`
	Phrase    *store.Phrase  `json:"phrase,omitempty"`
	Consent   *store.Consent `json:"consent,omitempty"`
	Event     *store.Event   `json:"event,omitempty"`
}

// rewritten tells how many bytes of rows were left.
type rewritten struct {
	Bytes int `json:"bytes"`
}

// encode writes the rows that are lines.
func encode(b store.Batch) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	var failed error
	put := func(l line) { failed = errors.Join(failed, e.Encode(l)) }
	for i := range b.Dubs {
		put(line{Dub: &b.Dubs[i]})
	}
	for i := range b.Phrases {
		put(line{Phrase: &b.Phrases[i]})
	}
	for i := range b.Consents {
		put(line{Consent: &b.Consents[i]})
	}
	for i := range b.Events {
		put(line{Event: &b.Events[i]})
	}
	if failed != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrInvalid, failed)
	}
	return out.Bytes(), nil
}

var errNoRow = errors.New("not a row of this session")

// decode adds the row that a line is.
func decode(b *store.Batch, text []byte, epoch string) error {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	var one store.Batch
	switch {
	case l.Rewritten != nil:
		return nil
	case l.Dub != nil:
		one.Dubs = []store.Dub{*l.Dub}
	case l.Phrase != nil:
		one.Phrases = []store.Phrase{*l.Phrase}
	case l.Consent != nil:
		one.Consents = []store.Consent{*l.Consent}
	case l.Event != nil:
		one.Events = []store.Event{*l.Event}
	default:
		return errNoRow
	}
	one, err := store.Clean(one)
	if err != nil {
		return err
	}
	if one.Epochs()[0] != epoch {
		return errNoRow
	}
	b.Add(one)
	return nil
}

// folded is how many rows are read before the latest of each are left.
const folded = 4096

// scan reads the lines of a session, and tells how many of them are no rows: cut ones,
// which a process left that was killed, and what else may have come there.
func scan(r io.Reader, epoch string) (b store.Batch, bad int, err error) {
	in := bufio.NewReaderSize(r, maxLine)
	for next := folded; ; {
		text, err := in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return b, bad, err
		}
		if text = bytes.TrimSpace(text); long || len(text) > 0 && decode(&b, text, epoch) != nil {
			bad++
		}
		if b.Len() >= next || err != nil {
			b.Fold()
			next = max(folded, 2*b.Len())
		}
		if err != nil {
			return b, bad, nil
		}
	}
}

func baseLine(n int) []byte { return fmt.Appendf(nil, `{"rewritten":{"bytes":%d}}`+"\n", n) }

// base returns how many bytes a file of rows had when it was last written anew.
func base(f *os.File) int64 {
	var head [64]byte
	n, err := f.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0
	}
	first, _, _ := bytes.Cut(head[:n], []byte("\n"))
	var l line
	if json.Unmarshal(first, &l) != nil || l.Rewritten == nil {
		return 0
	}
	return int64(l.Rewritten.Bytes)
}
