package signaling

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"livedub/inference"
)

type keeper struct {
	create func(Request) error
	get    func(string) (Info, error)
	delete func(string) error
}

func (k keeper) Create(_ context.Context, r Request) (Info, error) { return Info{}, k.create(r) }
func (k keeper) Get(id string) (Info, error)                       { return k.get(id) }
func (k keeper) Delete(id string) error                            { return k.delete(id) }

func TestEnsure(t *testing.T) {
	full := Request{ID: "a", From: "en", To: []inference.Lang{"es"}}
	for name, c := range map[string]struct {
		there, open bool
		req         Request
		create      error
		want        error
		creates     int
	}{
		"known":         {true, true, full, nil, nil, 0},
		"closed":        {false, false, full, nil, ErrNotFound, 0},
		"no languages":  {false, true, Request{ID: "a"}, nil, ErrNotFound, 0},
		"bad languages": {false, true, Request{ID: "a", From: "EN!", To: full.To}, nil, ErrBadRequest, 0},
		"created":       {false, true, full, nil, nil, 1},
		"race":          {false, true, full, ErrExists, nil, 1},
		"full":          {false, true, full, ErrFull, ErrFull, 1},
	} {
		t.Run(name, func(t *testing.T) {
			creates, deletes, there, state := 0, 0, c.there, "new"
			k := keeper{
				create: func(Request) error {
					creates++
					there = c.create == nil || errors.Is(c.create, ErrExists)
					return c.create
				},
				get: func(string) (Info, error) {
					if there {
						return Info{ID: "a", State: state}, nil
					}
					return Info{}, ErrNotFound
				},
				delete: func(string) error { deletes++; return nil },
			}
			who := &Caller{access: NewAccess(AccessConfig{}), operator: c.open}
			j, err := ensure(t.Context(), k, who, c.req)
			if made := c.creates == 1 && c.create == nil; !errors.Is(err, c.want) || creates != c.creates || j.Created != made {
				t.Fatalf("%v, created %d, %v", err, creates, j.Created)
			}
			if err != nil {
				return
			}
			state = "live"
			undo(k, "a")
			if deletes != 0 {
				t.Error("a session that somebody uses was taken back")
			}
			state = "new"
			undo(k, "a")
			if deletes != 1 {
				t.Errorf("taken back %d times", deletes)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	es := []inference.Lang{"es"}
	for want, r := range map[string]Request{
		`"from" is missing`: {To: es},
		`"to" is missing`:   {From: "en"},
		`lists 17`:          {From: "en", To: make([]inference.Lang, 17)},
		`language "../x"`:   {From: "../x", To: es},
		`language "e"`:      {From: "en", To: []inference.Lang{"e"}},
	} {
		if err := r.Check(); !errors.Is(err, ErrBadRequest) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := (Request{From: "en", To: []inference.Lang{"es", "ca"}, Profile: "live", DelayMS: new(0)}).Check(); err != nil {
		t.Error(err)
	}
}

func TestQueryRequest(t *testing.T) {
	q, _ := url.ParseQuery("from=en&to=es,ca&to=gl&profile=live&delay_ms=150&consent=true&badge=0&other=1")
	r, err := QueryRequest("a", q)
	if err != nil || r.ID != "a" || r.From != "en" || len(r.To) != 3 || r.Profile != "live" || *r.DelayMS != 150 || !r.Consent || r.Badge == nil || *r.Badge {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range []string{"delay_ms=soon", "consent=maybe", "badge=red"} {
		q, _ := url.ParseQuery(bad)
		if _, err := QueryRequest("a", q); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestHasListsTheLanguages(t *testing.T) {
	i := Info{ID: "a", From: "en", To: []inference.Lang{"es", "ca"}}
	if i.has("en") != nil || i.has("ca") != nil {
		t.Error("refuses its own")
	}
	if err := i.has("fr"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "en, es, ca") {
		t.Error(err)
	}
}
