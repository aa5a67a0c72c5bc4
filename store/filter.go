package store

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxPage is how many recordings a page may have, and usualPage how many it has if
// nobody asks for another number.
const maxPage, usualPage = 1000, 50

// Place is where a page of recordings ends: Page.Next says it, in a way that only
// journals read. Recordings are listed by Created, the newest first, then by ID, the
// largest first.
type Place struct {
	Created time.Time // in whole microseconds
	ID      string
}

// String returns the place as Page.Next has it.
func (p Place) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.Created.UnixMicro(), 10) + "/" + p.ID))
}

// Behind tells whether a recording comes after the place.
func (p Place) Behind(r Recording) bool {
	return cmp.Or(r.Created.Compare(p.Created), strings.Compare(r.ID, p.ID)) < 0
}

// Clean returns the filter as rows are, with its limit set, and the place that it goes
// on behind, nil for the beginning. It fails with ErrInvalid.
func (f Filter) Clean() (Filter, *Place, error) {
	if f.Limit < 0 || f.Limit > maxPage {
		return f, nil, fmt.Errorf("%w: a page has 1 to %d recordings, not %d", ErrInvalid, maxPage, f.Limit)
	}
	f.Limit = cmp.Or(f.Limit, usualPage)
	f.Session, f.Lang, f.State = Text(f.Session, MaxName), Text(f.Lang, MaxName), Text(f.State, MaxName)
	if f.After == "" {
		return f, nil, nil
	}
	if raw, err := base64.RawURLEncoding.DecodeString(f.After[:min(len(f.After), maxKey)]); err == nil {
		at, id, _ := strings.Cut(string(raw), "/")
		if micros, err := strconv.ParseInt(at, 10, 64); err == nil && CheckEpoch(id) == nil {
			return f, &Place{time.UnixMicro(micros).UTC(), id}, nil
		}
	}
	return f, nil, fmt.Errorf("%w: no page ends at %.80q: take what the page before said is next", ErrInvalid, f.After)
}

// Takes tells whether a filter that is clean asks for a recording; it does not look at After.
func (f Filter) Takes(r Recording) bool {
	has := f.Lang == ""
	for _, l := range r.Languages {
		has = has || l.Lang == f.Lang
	}
	return has && (f.Session == "" || f.Session == r.Session) && (f.State == "" || f.State == r.State) &&
		(f.Since.IsZero() || !r.Created.Before(f.Since)) && (f.Before.IsZero() || r.Created.Before(f.Before))
}
