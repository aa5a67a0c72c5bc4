package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteJSON writes r as one indented JSON object.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // "en->es" is for people too
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteText writes r as a table: a row each, what is missing with the line that installs it.
func (r Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "livedub %s on %s\n\n", r.Version, r.OS)
	for _, c := range r.Checks {
		mark, rest := "ok", c.Version
		if c.Detail != "" && rest != "" {
			rest += "; "
		}
		rest += c.Detail
		if !c.Available {
			mark = "--"
			if c.Needed {
				mark = "MISSING"
			}
			if rest != "" && c.Install != "" {
				rest += ": "
			}
			rest += c.Install
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", mark, c.Kind, c.Name, rest)
	}
	return t.Flush()
}
