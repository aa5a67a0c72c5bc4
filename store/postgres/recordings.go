package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"livedub/store"
)

// Recordings is store.Journal's.
func (j *Journal) Recordings(ctx context.Context, f store.Filter) (store.Page, error) {
	f, after, err := f.Clean()
	if err != nil {
		return store.Page{}, err
	}
	sql, args, err := page(f, after)
	if err != nil {
		return store.Page{}, err
	}
	var p store.Page
	err = j.do(ctx, "list recordings", func(ctx context.Context) error {
		rows, err := j.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		p.Recordings, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r store.Recording, err error) {
			var doc []byte
			if err = row.Scan(&doc); err == nil {
				err = json.Unmarshal(doc, &r)
			}
			return r, err
		})
		return err
	})
	if err != nil {
		return store.Page{}, err
	}
	p.Recordings = tidy(store.Batch{Recordings: p.Recordings}).Recordings
	if len(p.Recordings) > f.Limit { // one more was asked for
		p.Recordings = p.Recordings[:f.Limit]
		last := p.Recordings[f.Limit-1]
		p.Next = store.Place{Created: last.Created, ID: last.ID}.String()
	}
	return p, nil
}

// page returns the query for a page, and one recording behind it.
func page(f store.Filter, after *store.Place) (sql string, args []any, err error) {
	var where []string
	and := func(format string, values ...any) {
		places := make([]any, len(values))
		for i, v := range values {
			args = append(args, v)
			places[i] = "$" + strconv.Itoa(len(args))
		}
		where = append(where, fmt.Sprintf(format, places...))
	}
	if f.Session != "" {
		and("t.session = %s", f.Session)
	}
	if f.State != "" {
		and("t.state = %s", f.State)
	}
	if f.Lang != "" {
		doc, err := json.Marshal([]map[string]string{{"lang": f.Lang}})
		if err != nil {
			return "", nil, fmt.Errorf("postgres: %w: %w", store.ErrInvalid, err)
		}
		and("t.languages @> %s::jsonb", string(doc))
	}
	for format, at := range map[string]time.Time{"t.created >= %s": f.Since, "t.created < %s": f.Before} {
		if !at.IsZero() {
			and(format, within(at))
		}
	}
	if after != nil {
		and("(t.created, t.id) < (%s, %s)", within(after.Created), after.ID)
	}
	recordings := tables[len(tables)-1]
	sql = "SELECT " + recordings.object() + " FROM recordings t"
	if len(where) > 0 {
		sql += " WHERE " + strings.Join(where, " AND ")
	}
	args = append(args, f.Limit+1)
	return sql + " ORDER BY t.created DESC, t.id DESC LIMIT $" + strconv.Itoa(len(args)), args, nil
}

// within moves a time to the years that rows have.
func within(t time.Time) time.Time {
	switch y := t.Year(); {
	case y < 1:
		return time.Time{}
	case y > 9999:
		return time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t
}
