package srt

import (
	"fmt"
	"net/url"
	"strings"
)

// Asked is what a caller wants to publish, or to receive.
type Asked struct {
	Name  string     // a session's name, or a key
	Query url.Values // behind it
	Reads bool       // they want to receive
}

// parse reads a stream id. It is an address's end, `NAME?from=en&to=es`, with `live/` or
// `publish:` before it or without; or has the form of SRT's access control,
// `#!::r=NAME,m=publish,from=en,to=es,to=ca`, in which other keys than SRT's own are the query.
// Who wants to receive writes `read:` or `m=request`.
func parse(id string) (Asked, error) {
	if rest, ok := strings.CutPrefix(id, "#!::"); ok {
		return parseKeys(rest)
	}
	reads := false
	if mode, rest, ok := strings.Cut(id, ":"); ok && !strings.ContainsAny(mode, "/?") {
		if reads = mode == "read"; !reads && mode != "publish" {
			return Asked{}, fmt.Errorf("%w: a stream id of a mode other than publish: and read: is not known", ErrProtocol)
		}
		id = rest
	}
	path, query, _ := strings.Cut(id, "?")
	a, err := asked(path, query)
	a.Reads = reads
	return a, err
}

// parseKeys reads pairs of a key and a value.
func parseKeys(pairs string) (Asked, error) {
	resource, query, reads := "", url.Values{}, false
	for pair := range strings.SplitSeq(pairs, ",") {
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case "":
		case "r":
			resource = value
		case "m":
			if reads = value == "request"; !reads && value != "publish" {
				return Asked{}, fmt.Errorf("%w: a stream id of another mode than m=publish and m=request", ErrProtocol)
			}
		case "u", "h", "s", "t": // a user, a host, a session of theirs, a type of data
		default:
			query.Add(key, value)
		}
	}
	path, more, _ := strings.Cut(resource, "?")
	a, err := asked(path, more)
	for k, v := range query {
		a.Query[k] = append(a.Query[k], v...)
	}
	a.Reads = reads
	return a, err
}

func asked(path, query string) (Asked, error) {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "/"), "live/")
	a := Asked{Query: url.Values{}}
	name, err := url.PathUnescape(path)
	if err != nil {
		return a, fmt.Errorf("%w: the stream id's name is no part of an address", ErrProtocol)
	}
	if path, more, ok := strings.Cut(name, "?"); ok && query == "" { // some encoders leave all escaped
		name, query = path, more
	}
	if strings.Contains(query, "%26") || strings.Contains(query, "%3D") { // or some of it
		if query, err = url.PathUnescape(query); err != nil {
			return a, fmt.Errorf("%w: the query in the stream id cannot be read", ErrProtocol)
		}
	}
	if query != "" {
		if a.Query, err = url.ParseQuery(query); err != nil {
			return Asked{Query: url.Values{}}, fmt.Errorf("%w: the query in the stream id cannot be read", ErrProtocol)
		}
	}
	a.Name = name
	return a, nil
}
