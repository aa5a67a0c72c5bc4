package postgres

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/internal/testkit/pgtest"
	"livedub/store"
)

// TestTables: the columns that are written and read are those that the migrations
// make, and those of the picture.
func TestTables(t *testing.T) {
	url := migrated(t)
	name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	made := strings.Fields(pgtest.Shared(t).Do(name, "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '"+versions+"'"))
	known := []string{"epochs.epoch", "epochs.written", "epochs.erased"}
	for _, tab := range tables {
		for _, c := range tab.columns {
			known = append(known, tab.name+"."+c.name)
		}
	}
	slices.Sort(made)
	slices.Sort(known)
	if !slices.Equal(made, known) {
		t.Errorf("the migrations make\n%v, this package knows\n%v", made, known)
	}
	picture, err := os.ReadFile("../../docs/img/tables.svg")
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	of := ""
	for _, m := range regexp.MustCompile(`<text class="(name|ink)"[^>]*>([^<]*)<`).FindAllStringSubmatch(string(picture), -1) {
		if m[1] == "name" {
			of = m[2]
			continue
		}
		for _, c := range strings.Split(m[2], ", ") {
			shown = append(shown, of+"."+c)
		}
	}
	slices.Sort(shown)
	if !slices.Equal(shown, known) {
		t.Errorf("docs/img/tables.svg shows\n%v, the tables have\n%v", shown, known)
	}
}

// TestElsewhere: tables may lie in a schema, a node may have no right but to rows, its
// password may lie in a file, and a pooler may stand between that prepares nothing.
func TestElsewhere(t *testing.T) {
	s := pgtest.Shared(t)
	name := s.Database()
	t.Cleanup(func() { s.Do("postgres", "DROP DATABASE "+name+" WITH (FORCE); ") })
	s.Do(name, "CREATE SCHEMA kept")
	if _, err := Migrate(t.Context(), Options{URL: s.URL(name) + "&search_path=kept"}); err != nil {
		t.Fatal(err)
	}
	s.Do(name, "CREATE ROLE node LOGIN PASSWORD 'node'; GRANT USAGE ON SCHEMA kept TO node; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA kept TO node")
	t.Cleanup(func() { s.Do(name, "DROP OWNED BY node; DROP ROLE node") })
	file := filepath.Join(t.TempDir(), "pgpass")
	host, port, _ := net.SplitHostPort(s.Addr)
	if err := os.WriteFile(file, []byte(host+":"+port+":"+name+":node:node\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j := opened(t, Options{URL: "postgres://node@" + s.Addr + "/" + name + "?sslmode=disable&search_path=kept&default_query_exec_mode=exec&passfile=" + file})
	if warning, err := j.Check(t.Context()); warning != "" || err != nil {
		t.Fatalf("%q, %v", warning, err)
	}
	b := some("e", 3)
	b.Recordings = []store.Recording{{ID: "e", Languages: []store.RecordedLanguage{{Lang: "es"}}, Created: time.Now()}}
	if err := j.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got, err := j.Session(t.Context(), "e"); err != nil || len(got.Phrases) != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	page, err := j.Recordings(t.Context(), store.Filter{Lang: "es", Since: time.Now().Add(-time.Hour), After: store.Place{Created: time.Now().Add(time.Hour), ID: "z"}.String()})
	if err != nil || len(page.Recordings) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
	if old, err := j.Expired(t.Context(), time.Now().Add(time.Hour), 5); err != nil || len(old) != 1 {
		t.Errorf("%v, %v", old, err)
	}
	if err := j.Erase(t.Context(), "e"); err != nil {
		t.Error(err)
	}
}
