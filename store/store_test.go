package store

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "abc": "abc", "a\x00b": "a\ufffdb", "\xff\xfe": "\ufffd", "12345678": "12345678", "123456789": "12345678",
		"1234567€": "1234567", "12345€€": "12345€", "12345\xe2\x82": "12345\ufffd", "1234567\xff": "1234567", "\x00\x00\x00\x00": "\ufffd\ufffd",
	} {
		if got := Text(in, 8); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestCleanTwice: what is clean stays as it is, and the caller's rows are not touched.
func TestCleanTwice(t *testing.T) {
	zone := time.FixedZone("x", 3600)
	in := Batch{
		Sessions:   []Session{{Epoch: "e", Name: "\x00", To: []string{"\xff"}, Created: time.Date(2026, 1, 1, 0, 0, 0, 1234567, zone)}},
		Phrases:    []Phrase{{Epoch: "e", Lang: "es", ID: 2}, {Epoch: "e", Lang: "es", ID: 1, Text: "a"}, {Epoch: "e", Lang: "es", ID: 2, Text: "b"}},
		Recordings: []Recording{{ID: "e", Languages: []RecordedLanguage{{Lang: "es"}}, Engines: map[string]string{"\x00": "\xff"}}},
		Events:     []Event{{Epoch: "e", Data: json.RawMessage(`{"a":"\u0000\\u0000<"}`)}},
	}
	before, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	once, err := Clean(in)
	if err != nil {
		t.Fatal(err)
	}
	if len(once.Phrases) != 2 || once.Phrases[1].Text != "b" || !once.Sessions[0].Created.Equal(in.Sessions[0].Created.Truncate(time.Microsecond)) {
		t.Errorf("%+v", once)
	}
	if after, err := json.Marshal(in); err != nil || string(after) != string(before) {
		t.Errorf("the batch became %s, %v", after, err)
	}
	if twice, err := Clean(once); err != nil || !reflect.DeepEqual(once, twice) {
		t.Errorf("%+v, %v, want %+v", twice, err, once)
	}
}

func TestBatchOf(t *testing.T) {
	b := Batch{
		Sessions: []Session{{Epoch: "a"}, {Epoch: "b"}}, Dubs: []Dub{{Epoch: "c"}}, Phrases: []Phrase{{Epoch: "b"}},
		Consents: []Consent{{Epoch: "a"}}, Events: []Event{{Epoch: "a"}}, Recordings: []Recording{{ID: "b"}},
	}
	if got := strings.Join(b.Epochs(), ""); got != "abc" || b.Len() != 7 {
		t.Errorf("%s, %d rows", got, b.Len())
	}
	if x, y := b.Of("b"), b.Without("b"); x.Len() != 3 || y.Len() != 4 || strings.Join(y.Epochs(), "") != "ac" {
		t.Errorf("%+v, %+v", x, y)
	}
}

func TestPlace(t *testing.T) {
	at := Place{time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), "e-1"}
	_, got, err := Filter{After: at.String()}.Clean()
	if err != nil || *got != at {
		t.Errorf("%+v, %v", got, err)
	}
	for r, want := range map[*Recording]bool{
		{ID: "e-1", Created: at.Created}: false, {ID: "e-0", Created: at.Created}: true, {ID: "e-2", Created: at.Created}: false,
		{ID: "z", Created: at.Created.Add(-1)}: true, {ID: "a", Created: at.Created.Add(1)}: false,
	} {
		if at.Behind(*r) != want {
			t.Errorf("%+v", r)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte(`{"phrases":[{"epoch":"e","lang":"es","id":1,"text":"\u0000"}]}`))
	f.Add([]byte(`{"events":[{"epoch":"e","seq":1,"data":{"a":[1e400,"\ud800"]}}]}`))
	f.Add([]byte(`{"recordings":[{"id":"e","languages":[{"lang":"es","file":"a/b"}],"engines":{"a":"b"}}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var b Batch
		if json.Unmarshal(raw, &b) != nil {
			return
		}
		once, err := Clean(b)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Error(err)
			}
			return
		}
		out, err := json.Marshal(once)
		if err != nil || !utf8.Valid(out) {
			t.Fatalf("what is clean cannot be written: %v", err)
		}
		if twice, err := Clean(once); err != nil || !reflect.DeepEqual(once, twice) {
			t.Errorf("%+v, %v, want %+v", twice, err, once)
		}
	})
}

func FuzzKey(f *testing.F) {
	for _, key := range []string{"a/b.mp4", "../x", "a//b", "", "a/", ".x"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if CheckKey(key) != nil {
			return
		}
		if strings.Contains("/"+key, "/.") || strings.Contains(key, "//") || strings.HasPrefix(key, "/") || strings.HasSuffix(key, "/") || len(key) > maxKey || CheckPrefix(key) != nil || CheckPrefix(key+"/") != nil && len(key) < maxKey {
			t.Errorf("%q", key)
		}
	})
}

func FuzzFilter(f *testing.F) {
	f.Add(Place{time.Unix(1, 0), "e"}.String())
	f.Fuzz(func(t *testing.T, after string) {
		_, at, err := Filter{After: after}.Clean()
		if err != nil || at == nil {
			return
		}
		if _, again, err := (Filter{After: at.String()}).Clean(); err != nil || *again != *at {
			t.Errorf("%v became %v, %v", at, again, err)
		}
	})
}
