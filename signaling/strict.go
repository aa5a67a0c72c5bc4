package signaling

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Decode reads one JSON object into the struct that v points to. Unlike
// encoding/json alone it takes fields by their exact names only, and names the
// nearest one for a field that it does not know.
func Decode(data []byte, v any) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return ErrBadRequest.Errorf("the body is empty: send a JSON object")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil || fields == nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return ErrBadRequest.Errorf("no JSON: %s at byte %d", syntax, syntax.Offset)
		}
		return ErrBadRequest.Errorf("not a JSON object: send {...}")
	}
	switch twice, err := repeated(data); {
	case err != nil:
		return ErrBadRequest.Errorf("no JSON for us: %w", err)
	case twice != "":
		return ErrBadRequest.Errorf("field %q is given twice: give it once", clip(twice))
	}
	known := names(v)
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(known, f) {
			return ErrBadRequest.Errorf("unknown field %q: did you mean %q? The fields are %s", clip(f), nearest(f, known), strings.Join(known, ", "))
		}
	}
	err := json.Unmarshal(data, v)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return ErrBadRequest.Errorf("field %q: got a %s, want %s", clip(wrong.Field), clip(wrong.Value), inWords(wrong.Type))
	case err != nil:
		return ErrBadRequest.Because(err)
	}
	return nil
}

// maxDepth bounds how deep JSON may be nested.
const maxDepth = 32

// repeated returns the name of a field that an object of data, at whatever depth,
// has twice: encoding/json takes the last, others the first, and whoever checked
// the one would let in the other. data is valid JSON.
func repeated(data []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	var open []map[string]bool // nil for a list
	key := false               // the next text is a field's name
	for {
		t, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return "", nil
		case err != nil:
			return "", err
		}
		switch t := t.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			if len(open) > maxDepth {
				return "", errDeep
			}
		case string:
			if key {
				seen := open[len(open)-1]
				if seen[t] {
					return t, nil
				}
				seen[t], key = true, false
				continue // its value follows
			}
		}
		key = len(open) > 0 && open[len(open)-1] != nil
	}
}

var errDeep = errors.New("nested too deep")

// names returns the JSON names of a struct's fields, in its order.
func names(v any) []string {
	t := reflect.TypeOf(v).Elem()
	var out []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out = append(out, name)
	}
	return out
}

func inWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Uint64:
		return "a whole number that is not negative"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.Map:
		return "an object"
	}
	return "text"
}

// nearest returns the candidate that is the fewest edits away from name.
func nearest(name string, candidates []string) string {
	best, at := "", -1
	for _, c := range candidates {
		if d := edits(strings.ToLower(name), c); at < 0 || d < at {
			best, at = c, d
		}
	}
	return best
}

// edits counts the insertions, deletions and replacements from a to b (Levenshtein).
func edits(a, b string) int {
	a = a[:min(len(a), 64)] // beyond, they are not alike anyway
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := corner
			if a[i] != b[j] {
				d++
			}
			corner = row[j+1]
			row[j+1] = min(d, corner+1, row[j]+1)
		}
	}
	return row[len(b)]
}
