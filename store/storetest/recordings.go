package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"livedub/store"
)

// ids returns the recordings of all pages of a filter.
func (j journal) ids(f store.Filter) (out []string) {
	j.t.Helper()
	for pages := 0; ; pages++ {
		page, err := j.Recordings(j.t.Context(), f)
		if err != nil || pages > 100 {
			j.t.Fatalf("page %d of %+v: %v", pages, f, err)
		}
		for _, r := range page.Recordings {
			out = append(out, r.ID)
		}
		if f.After = page.Next; f.After == "" {
			return out
		}
	}
}

// recordings: they come the newest first, those that a filter asks for, all of them.
func recordings(t *testing.T, j journal) {
	for i := range 12 {
		r := recording(fmt.Sprint("r", i), day.Add(time.Duration(i)*time.Hour))
		if i%2 == 0 {
			r.Session, r.Languages = "it's \"even\"", r.Languages[:1]
		}
		r.State = []string{store.Growing, store.Whole, store.CutShort}[i%3]
		b := whole(r.ID)
		b.Recordings[0] = r
		j.write(b)
	}
	at := func(h int) time.Time { return day.Add(time.Duration(h) * time.Hour) }
	for _, c := range []struct {
		f    store.Filter
		want []int
	}{
		{store.Filter{}, []int{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
		{store.Filter{Session: "talk"}, []int{11, 9, 7, 5, 3, 1}},
		{store.Filter{Session: "it's \"even\""}, []int{10, 8, 6, 4, 2, 0}},
		{store.Filter{Session: "tal"}, nil},
		{store.Filter{Session: "%"}, nil},
		{store.Filter{Lang: "es"}, []int{11, 9, 7, 5, 3, 1}},
		{store.Filter{Lang: "en"}, []int{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
		{store.Filter{Lang: "e"}, nil},
		{store.Filter{State: store.Growing}, []int{9, 6, 3, 0}},
		{store.Filter{Since: at(9)}, []int{11, 10, 9}},
		{store.Filter{Before: at(2)}, []int{1, 0}},
		{store.Filter{Since: at(3), Before: at(8), Lang: "es", Session: "talk", State: store.Whole}, []int{7}},
	} {
		var want []string
		for _, n := range c.want {
			want = append(want, fmt.Sprint("r", n))
		}
		for _, limit := range []int{0, 1, 5, 1000} {
			c.f.Limit = limit
			if got := j.ids(c.f); !slices.Equal(got, want) {
				t.Errorf("%+v: %v, want %v", c.f, got, want)
			}
		}
	}
	page, err := j.Recordings(t.Context(), store.Filter{Limit: 1})
	if err != nil || len(page.Recordings) != 1 {
		t.Fatalf("%v, %+v", err, page)
	}
	want := recording("r11", day.Add(11*time.Hour))
	if got, want := text(t, store.Batch{Recordings: page.Recordings}), text(t, store.Batch{Recordings: []store.Recording{want}}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// pages: who reads page by page has each recording once, also of those made at the same
// time, whatever comes, changes or is erased in between.
func pages(t *testing.T, j journal) {
	for i := range 20 {
		j.write(store.Batch{Recordings: []store.Recording{recording(fmt.Sprintf("r%02d", i), day.Add(time.Duration(i/5)*time.Microsecond))}})
	}
	seen := map[string]int{}
	f := store.Filter{Limit: 3}
	for n := 0; ; n++ {
		page, err := j.Recordings(t.Context(), f)
		if err != nil || len(page.Recordings) > 3 || n > 20 {
			t.Fatalf("page %d: %v, %+v", n, err, page)
		}
		for _, r := range page.Recordings {
			seen[r.ID]++
		}
		if f.After = page.Next; f.After == "" {
			break
		}
		j.write(store.Batch{Recordings: []store.Recording{recording(fmt.Sprint("new", n), day.Add(time.Hour))}})
		last := page.Recordings[len(page.Recordings)-1]
		last.State = store.Whole
		j.write(store.Batch{Recordings: []store.Recording{last}})
		j.erase(last.ID) // the next page goes on where it was
	}
	for i := range 20 {
		if id := fmt.Sprintf("r%02d", i); seen[id] != 1 {
			t.Errorf("%s came %d times", id, seen[id])
		}
	}
	if len(seen) != 20 {
		t.Errorf("%d recordings came: %v", len(seen), seen)
	}
}

// hostileFilter: a page that cannot be is refused.
func hostileFilter(t *testing.T, j journal) {
	j.write(whole("e"))
	for _, f := range []store.Filter{{Limit: -1}, {Limit: 1001}, {After: "'"}, {After: "\x00"}, {After: "....."}, {After: "AAAA"}, {After: string(make([]byte, 1<<20))}} {
		if _, err := j.Recordings(t.Context(), f); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("limit %d after %.20q: %v", f.Limit, f.After, err)
		}
	}
	for _, name := range names {
		for _, f := range []store.Filter{{Session: name}, {Lang: name}, {State: name}} {
			if page, err := j.Recordings(t.Context(), f); err != nil || len(page.Recordings) > 0 || page.Next != "" {
				t.Errorf("%+v: %v, %+v", f, err, page)
			}
		}
	}
}
