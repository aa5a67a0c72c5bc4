package session

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"livedub/inference"
	"livedub/session/record"
	"livedub/session/spec"
)

// Checkpoint is what another node needs to carry a session on.
type Checkpoint struct {
	Spec    spec.Spec        // as it is now: Epoch, Delay and ConsentAt are set, ID is not
	LipsOff []inference.Lang // whose mouths were switched off

	Controls map[inference.Lang]spec.Controls `json:",omitempty"` // of dubs that are not heard as they come

	Created time.Time
	Origin  time.Time     // when the session's clock read zero, by a clock that the nodes share
	Phrase  int           // ID of the last phrase
	Outputs []spec.Output // that it is sent on to
	Seq     uint64        // number of the last record

	// Records are those that a phrase or a caption needs (Carried), slim, in the order
	// of their numbers; of a long session the last ones may be all.
	Records []record.Record
}

const (
	// checkpointVersion begins each part.
	checkpointVersion = 2
	// maxParts is how many bytes the parts of a checkpoint have together at most, and
	// maxText what they become.
	maxParts, maxText = 4 << 20, 16 << 20
)

var (
	// ErrCheckpoint is what no session can be opened from.
	ErrCheckpoint = errors.New("not a checkpoint")
	// ErrDamaged comes beside a checkpoint whose last parts could not be read.
	ErrDamaged = errors.New("a checkpoint is damaged: what came last is missing")
)

// head is the first line of a checkpoint.
type head struct {
	Head *Checkpoint `json:"head"`
}

// Carried tells whether a record goes into checkpoints, as Slim returns it.
func Carried(r record.Record) bool {
	return r.Partial == nil && (r.Caption() != nil || r.Placed != nil || r.Played != nil || r.Ladder != nil || r.Lost != nil || r.Dumped != nil)
}

// Encode writes the checkpoint as one part.
func (c Checkpoint) Encode() ([]byte, error) {
	records := c.Records
	c.Records = nil
	first, err := json.Marshal(head{&c})
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return encodePart(first, records)
}

// EncodeRecords writes records as a part to be added to a checkpoint.
func EncodeRecords(records []record.Record) ([]byte, error) { return encodePart(nil, records) }

func encodePart(first []byte, records []record.Record) ([]byte, error) {
	out := bytes.NewBuffer([]byte{checkpointVersion})
	w, err := flate.NewWriter(out, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewWriter(w)
	put := func(line []byte) {
		if len(line) > 0 {
			_, _ = lines.Write(append(line, '\n')) // to memory
		}
	}
	put(first)
	for _, r := range records {
		line, err := record.Encode(r.Slim())
		if err != nil {
			return nil, fmt.Errorf("checkpoint: %w", err)
		}
		put(line)
	}
	err = errors.Join(lines.Flush(), w.Close())
	return out.Bytes(), err
}

// DecodeCheckpoint reads the parts of a checkpoint, of which the first has what the
// session is. It fails with ErrCheckpoint; with ErrDamaged, what it returns is safe
// to go on from.
func DecodeCheckpoint(parts ...[]byte) (Checkpoint, error) {
	all := 0
	for _, p := range parts {
		all += len(p)
	}
	switch {
	case all > maxParts:
		return Checkpoint{}, fmt.Errorf("%w: %d bytes, %d at most", ErrCheckpoint, all, maxParts)
	case len(parts) == 0:
		return Checkpoint{}, fmt.Errorf("%w: it has no parts", ErrCheckpoint)
	}
	var c Checkpoint
	room := int64(maxText)
	for i, p := range parts {
		if err := c.add(p, i == 0, &room); err != nil {
			if i == 0 {
				return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
			}
			return c, fmt.Errorf("%w: part %d of %d: %w", ErrDamaged, i+1, len(parts), err)
		}
	}
	return c, nil
}

// add reads one part; with an error nothing of it is taken.
func (c *Checkpoint) add(part []byte, first bool, room *int64) error {
	if len(part) == 0 || part[0] != checkpointVersion {
		return fmt.Errorf("it is of another version than %d, or none: let all nodes run the same release", checkpointVersion)
	}
	r := flate.NewReader(bytes.NewReader(part[1:]))
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, *room+1))
	*room -= int64(len(text))
	switch {
	case err != nil:
		return err
	case *room < 0:
		return fmt.Errorf("it becomes more than %d bytes", maxText)
	}
	next := *c
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if first {
			first = false
			h := head{}
			if err := json.Unmarshal(line, &h); err != nil {
				return err
			}
			if h.Head == nil || h.Head.Records != nil {
				return errors.New("it does not say what the session is")
			}
			next = *h.Head
			if err := next.check(); err != nil {
				return err
			}
			continue
		}
		r, err := record.Decode(line)
		if err != nil {
			return err
		}
		if err := next.follow(r); err != nil {
			return err
		}
	}
	if first {
		return errors.New("it is empty")
	}
	*c = next
	return nil
}

// MaxCarried is how many records a checkpoint may have.
const MaxCarried = 20_000

// Now returns where the session's clock stands when now is the time by the clock that the nodes share.
func (c Checkpoint) Now(now time.Time) (time.Duration, error) {
	at := now.Round(0).Sub(c.Origin.Round(0))
	last := time.Duration(0) // what has happened lies behind
	if n := len(c.Records); n > 0 {
		last = c.Records[n-1].At
	}
	if at < last-time.Minute || at > longest {
		return 0, fmt.Errorf("%w: its clock would stand at %v, and something happened at %v: are the nodes' clocks right?", ErrCheckpoint, at, last)
	}
	return max(at, last), nil
}

// longest is how long a session may last, and the times in it may be.
const longest = 366 * 24 * time.Hour

func (c *Checkpoint) check() error {
	switch s := c.Spec; {
	case s.Epoch == "" || len(s.Epoch) > 64 || s.Delay == nil:
		return errors.New("epoch or delay is missing")
	case c.Origin.IsZero() || c.Phrase < 0 || c.Phrase > maxNumber || c.Seq > maxNumber:
		return fmt.Errorf("origin %v, phrase %d, record %d: these cannot be", c.Origin, c.Phrase, c.Seq)
	}
	if err := spec.CheckOutputs(c.Outputs); err != nil {
		return err
	}
	words, err := c.Spec.Words.Clean()
	c.Spec.Words = words
	return err
}

// maxNumber is what a phrase or record may be numbered at most: what JSON holds exactly.
const maxNumber = 1 << 53

// follow takes the next record.
func (c *Checkpoint) follow(r record.Record) error {
	within := func(ts ...time.Duration) bool {
		return !slices.ContainsFunc(ts, func(t time.Duration) bool { return t < 0 || t > longest })
	}
	placed := r.Placed
	switch {
	case !Carried(r):
		return fmt.Errorf("record %d is of a kind that is not carried", r.Seq)
	case len(c.Records) == MaxCarried:
		return fmt.Errorf("it has more than %d records", MaxCarried)
	case len(c.Records) > 0 && r.Seq <= c.Records[len(c.Records)-1].Seq || r.Seq > maxNumber || r.Phrase < 0 || r.Phrase > maxNumber:
		return fmt.Errorf("record %d is out of order, or of phrase %d", r.Seq, r.Phrase)
	case !within(r.At, r.Start, r.End) || placed != nil && !within(placed.DubStart, placed.DubEnd):
		return fmt.Errorf("record %d has times that cannot be", r.Seq)
	}
	c.Records = append(c.Records, r.Slim())
	c.Seq, c.Phrase = max(c.Seq, r.Seq), max(c.Phrase, r.Phrase)
	return nil
}

const (
	// seqSeam and phraseSeam are left out of the numbers where a session goes on at
	// another node: what was told after the checkpoint had some of them.
	seqSeam, phraseSeam = 1 << 20, 1000
)

// Resume has a session that has not begun go on from a checkpoint: what happened is
// told before what will, phrases that were not heard yet are dubbed, and those that
// are heard again are not.
func (s *Session) Resume(c Checkpoint) {
	s.records.Restore(c.Records, c.Seq+seqSeam)
	var p record.Phrases
	var end time.Duration
	for _, r := range c.Records {
		p.Add(r)
		if r.Dumped != nil {
			s.dumps.apply(*r.Dumped)
		}
	}
	for _, said := range p.All {
		end = max(end, said.End)
	}
	s.audio.Resume(c.Phrase+phraseSeam, end)
	for _, d := range s.all() {
		s.redump(d)
		if is, changed := c.Controls[d.Lang]; changed && is.Check() == nil {
			d.Control(is)
		}
		d.Resume(&p)
		if slices.Contains(c.LipsOff, d.Lang) {
			d.SetLips(false)
		}
	}
}

// Checkpoint returns what another node needs to carry the session on; Spec, Created
// and Origin are the caller's to set, but for what changes in a session.
func (s *Session) Checkpoint() Checkpoint {
	c := Checkpoint{Phrase: s.audio.LastID(), Seq: s.records.Last()}
	c.Spec.To, c.Spec.Words, c.Spec.Consent, c.Spec.ConsentAt = s.Targets(), s.Words(), s.cfg.Consent.Given, s.cfg.Consent.At
	for _, d := range s.all() {
		if d.Lips() == spec.LipsOff {
			c.LipsOff = append(c.LipsOff, d.Lang)
		}
		if is := d.Controls(); is != (spec.Controls{}) {
			if c.Controls == nil {
				c.Controls = map[inference.Lang]spec.Controls{}
			}
			c.Controls[d.Lang] = is
		}
	}
	return c
}
