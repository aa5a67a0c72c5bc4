package postgres

import (
	"fmt"
	"strings"

	"livedub/store"
)

// versions is the table in which the migrations write down what they have done.
const versions = "livedub_migrations"

// A kind says how a field of a row's JSON is a column, and when it is empty.
type kind int

const (
	key      kind = iota // text, never empty
	keyInt               // likewise, a number
	text                 // "" is empty
	number               // 0 is empty
	pointer              // a number, none is empty
	moment               // the year 1 is empty
	created              // likewise; the column is never NULL
	list                 // of texts
	document             // jsonb: a list or an object
	verbatim             // json
	flag                 // goes with the column at: what it is where that is empty is nothing
	fence
)

// none is the moment that is none.
const none = "'0001-01-01 00:00:00+00'::timestamptz"

// column is a column and the field of the row's JSON that it holds.
type column struct {
	name, field string
	kind        kind
}

// table is a table with a kind of rows.
type table struct {
	name    string // as the field of a store.Batch, too
	columns []column
}

// tables are those that hang on epochs.
var tables = []table{
	{"sessions", []column{{"epoch", "epoch", key}, {"name", "name", text}, {"node", "node", text}, {"from_lang", "from", text}, {"to_langs", "to", list},
		{"profile", "profile", text}, {"delay_ms", "delay_ms", number}, {"created", "created", moment}, {"ended", "ended", moment},
		{"phrases", "phrases", number}, {"lost", "lost", number}, {"fence", "fence", fence}}},
	{"dubs", []column{{"epoch", "epoch", key}, {"lang", "lang", key}, {"began_ns", "began", number}, {"ended_ns", "ended", number},
		{"played", "played", number}, {"skipped", "skipped", number}, {"ladder", "ladder", text}, {"fence", "fence", fence}}},
	{"phrases", []column{{"epoch", "epoch", key}, {"lang", "lang", key}, {"id", "id", keyInt}, {"source_lang", "source_lang", text},
		{"source_text", "source_text", text}, {"text", "text", text}, {"start_ns", "start", number}, {"end_ns", "end", number},
		{"dub_start_ns", "dub_start", pointer}, {"dub_end_ns", "dub_end", pointer}, {"late_ns", "late", pointer}, {"outcome", "outcome", text},
		{"recognizer", "recognizer", text}, {"translator", "translator", text}, {"voice", "voice", text}, {"fence", "fence", fence}}},
	{"consents", []column{{"epoch", "epoch", key}, {"seq", "seq", keyInt}, {"given", "given", flag}, {"at", "at", moment}, {"fence", "fence", fence}}},
	{"events", []column{{"epoch", "epoch", key}, {"seq", "seq", keyInt}, {"at_ns", "at", number}, {"lang", "lang", text}, {"kind", "kind", text},
		{"data", "data", verbatim}, {"fence", "fence", fence}}},
	{"recordings", []column{{"id", "id", key}, {"session", "session", text}, {"from_lang", "from", text}, {"languages", "languages", document},
		{"created", "created", created}, {"ended", "ended", moment}, {"state", "state", text}, {"why", "why", text}, {"consent", "consent", moment},
		{"engines", "engines", document}, {"fence", "fence", fence}}},
}

// rows returns the rows of a batch for a table, nil where there are none.
func (t table) rows(b store.Batch) any {
	var all any
	n := 0
	switch t.name {
	case "sessions":
		all, n = b.Sessions, len(b.Sessions)
	case "dubs":
		all, n = b.Dubs, len(b.Dubs)
	case "phrases":
		all, n = b.Phrases, len(b.Phrases)
	case "consents":
		all, n = b.Consents, len(b.Consents)
	case "events":
		all, n = b.Events, len(b.Events)
	case "recordings":
		all, n = b.Recordings, len(b.Recordings)
	}
	if n == 0 {
		return nil
	}
	return all
}

// epoch is the column that names the session.
func (t table) epoch() string { return t.columns[0].name }

// sqlType is the type that a field of JSON is read as.
func (k kind) sqlType() string {
	switch k {
	case keyInt, number, pointer, fence:
		return "bigint"
	case moment, created:
		return "timestamptz"
	case list:
		return "text[]"
	case document:
		return "jsonb"
	case verbatim:
		return "json"
	case flag:
		return "boolean"
	default:
		return "text"
	}
}

// given is the column's value in a row r of JSON, NULL where it is empty.
func (c column) given() string {
	r := fmt.Sprintf("r.%q", c.field)
	switch c.kind {
	case text:
		return "NULLIF(" + r + ", '')"
	case number:
		return "NULLIF(" + r + ", 0)"
	case moment:
		return "NULLIF(" + r + ", " + none + ")"
	case created:
		return "COALESCE(" + r + ", " + none + ")"
	case list:
		return "NULLIF(" + r + ", '{}')"
	case document:
		return "NULLIF(NULLIF(" + r + ", '[]'), '{}')"
	case fence:
		return "COALESCE(" + r + ", 0)"
	default:
		return r
	}
}

// over is what is left where there is a row already.
func (c column) over() string {
	switch c.kind {
	case fence:
		return "EXCLUDED." + c.name
	case flag:
		return fmt.Sprintf("CASE WHEN EXCLUDED.at IS NULL THEN t.%s ELSE EXCLUDED.%[1]s END", c.name)
	case created:
		return fmt.Sprintf("COALESCE(NULLIF(EXCLUDED.%s, %s), t.%[1]s)", c.name, none)
	default:
		return fmt.Sprintf("COALESCE(EXCLUDED.%s, t.%[1]s)", c.name)
	}
}

// upsert writes the rows in a document of JSON, $1, but those of erased sessions.
func (t table) upsert() string {
	var names, given, fields, keys, over []string
	for _, c := range t.columns {
		names = append(names, c.name)
		given = append(given, c.given())
		fields = append(fields, fmt.Sprintf("%q %s", c.field, c.kind.sqlType()))
		if c.kind == key || c.kind == keyInt {
			keys = append(keys, c.name)
		} else {
			over = append(over, c.name+" = "+c.over())
		}
	}
	on := strings.Join(keys, ", ")
	return fmt.Sprintf(`INSERT INTO %s AS t (%s) SELECT %s FROM json_to_recordset($1::json) AS r(%s)
JOIN epochs e ON e.epoch = r.%q AND e.erased IS NULL
ON CONFLICT (%s) DO UPDATE SET %s WHERE t.fence <= EXCLUDED.fence`,
		t.name, strings.Join(names, ", "), strings.Join(given, ", "), strings.Join(fields, ", "), t.epoch(), on, strings.Join(over, ", "))
}

// object is a row of the table, t, as JSON.
func (t table) object() string {
	var pairs []string
	for _, c := range t.columns {
		pairs = append(pairs, fmt.Sprintf("'%s', t.%s", c.field, c.name))
	}
	return "json_build_object(" + strings.Join(pairs, ", ") + ")"
}

// order is the table's key.
func (t table) order() string {
	var keys []string
	for _, c := range t.columns {
		if c.kind == key || c.kind == keyInt {
			keys = append(keys, "t."+c.name)
		}
	}
	return strings.Join(keys, ", ")
}

const (
	// touch locks the sessions $1, so that none is erased meanwhile, in one order for
	// all who write: a row that is not changed is locked, too.
	touch = `INSERT INTO epochs (epoch) SELECT e FROM unnest($1::text[]) e ORDER BY e
ON CONFLICT (epoch) DO UPDATE SET written = now() WHERE epochs.erased IS NULL`
	countErased = `SELECT count(*) FROM epochs WHERE epoch = ANY($1::text[]) AND erased IS NOT NULL`
	bury        = `INSERT INTO epochs (epoch, erased) VALUES ($1, now()) ON CONFLICT (epoch) DO UPDATE SET erased = now() WHERE epochs.erased IS NULL`
	expired     = `SELECT e.epoch FROM epochs e LEFT JOIN sessions s USING (epoch)
WHERE e.erased IS NULL AND COALESCE(s.ended, e.written) < $1 ORDER BY COALESCE(s.ended, e.written), e.epoch LIMIT $2`
)

// upserts and whole are made once.
var (
	upserts = func() map[string]string {
		all := map[string]string{}
		for _, t := range tables {
			all[t.name] = t.upsert()
		}
		return all
	}()
	// whole is all of a session, $1, in one document, as it was at one moment.
	whole = func() string {
		parts := []string{"'erased', EXISTS (SELECT FROM epochs WHERE epoch = $1 AND erased IS NOT NULL)"}
		for _, t := range tables {
			parts = append(parts, fmt.Sprintf("'%s', (SELECT json_agg(%s ORDER BY %s) FROM %[1]s t WHERE t.%[4]s = $1)", t.name, t.object(), t.order(), t.epoch()))
		}
		return "SELECT json_build_object(" + strings.Join(parts, ",\n") + ")"
	}()
)
