package wire

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// noted writes down what is asked of it, and fails at what is named.
type noted struct {
	calls []string
	fails string
}

func (n *noted) do(call string) error {
	n.calls = append(n.calls, call)
	if n.fails == call {
		return errors.New(call + " failed")
	}
	return nil
}

func (n *noted) Reset() error              { return n.do("reset") }
func (n *noted) Start() error              { return n.do("start") }
func (n *noted) Feed(pcm []int16) error    { return n.do(fmt.Sprintf("feed %d", len(pcm))) }
func (n *noted) End() error                { return n.do("end") }
func (n *noted) Words() ([]Segment, error) { return heard, n.do("words") }

func TestListener(t *testing.T) {
	sound := EncodeFeed(make([]int16, 3))
	for name, c := range map[string]struct {
		fails   string
		notices [][]byte
		asks    []Op
		calls   []string
		answers []bool
	}{
		"an utterance":        {"", [][]byte{OpStart.Encode(), sound}, []Op{OpWords, OpEnd}, []string{"start", "feed 3", "words", "end", "words"}, []bool{true, true}},
		"the language":        {"", nil, []Op{OpLang}, nil, []bool{true}},
		"reset within":        {"", [][]byte{OpStart.Encode()}, []Op{OpReset}, []string{"start", "end", "reset"}, []bool{true}},
		"sound before":        {"", [][]byte{sound, OpStart.Encode()}, []Op{OpWords, OpReset, OpEnd}, []string{"reset"}, []bool{false, true, false}},
		"twice":               {"", [][]byte{OpStart.Encode(), OpStart.Encode()}, []Op{OpEnd}, []string{"start"}, []bool{false}},
		"nonsense":            {"", [][]byte{{77}}, []Op{OpWords, 77, OpReset}, []string{"reset"}, []bool{false, false, true}},
		"a notice asked":      {"", nil, []Op{OpFeed, OpStart}, nil, []bool{false, false}},
		"the start fails":     {"start", [][]byte{OpStart.Encode(), sound}, []Op{OpEnd}, []string{"start"}, []bool{false}},
		"sound fails":         {"feed 3", [][]byte{OpStart.Encode(), sound, sound}, []Op{OpWords}, []string{"start", "feed 3"}, []bool{false}},
		"the end fails":       {"end", [][]byte{OpStart.Encode()}, []Op{OpEnd}, []string{"start", "end"}, []bool{false}},
		"the end fails again": {"end", [][]byte{OpStart.Encode()}, []Op{OpReset}, []string{"start", "end"}, []bool{false}},
		"words fail":          {"words", [][]byte{OpStart.Encode()}, []Op{OpWords}, []string{"start", "words"}, []bool{false}},
	} {
		library := &noted{fails: c.fails}
		l := NewListener(library)
		for _, n := range c.notices {
			l.Notice(n)
		}
		for i, op := range c.asks {
			if _, err := l.Answer(t.Context(), op.Encode()); (err == nil) != c.answers[i] {
				t.Errorf("%s: op %d: %v", name, op, err)
			}
		}
		if !slices.Equal(library.calls, c.calls) {
			t.Errorf("%s: did %v, want %v", name, library.calls, c.calls)
		}
	}
}

// teller tells a language.
type teller struct{ noted }

func (*teller) Lang() string { return "ko" }

func TestListenerTells(t *testing.T) {
	for want, library := range map[string]Library{"": &noted{}, "ko": &teller{}} {
		got, err := NewListener(library).Answer(t.Context(), OpLang.Encode())
		if err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}
