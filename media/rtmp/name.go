package rtmp

import (
	"fmt"
	"net/url"
	"strings"
)

// mostName is how many bytes an application and a stream name may have.
const mostName = 4096

// Asked is what a peer wants to publish.
type Asked struct {
	App   string     // first segment of the path, as "live"
	Name  string     // the rest of it: a session's name, or a key
	Query url.Values // behind either
}

// parse reads what a peer names. Encoders divide an address in their own ways: the
// path and the query may each be in the application, or in the stream's name.
func parse(app, stream string) (Asked, error) {
	if len(app)+len(stream) > mostName {
		return Asked{}, fmt.Errorf("%w: a name of %d bytes; %d at most", ErrProtocol, len(app)+len(stream), mostName)
	}
	app, inApp, _ := strings.Cut(app, "?")
	stream, inStream, _ := strings.Cut(stream, "?")
	path := strings.Trim(strings.Trim(app, "/")+"/"+strings.Trim(stream, "/"), "/")
	a := Asked{Query: url.Values{}}
	a.App, a.Name, _ = strings.Cut(path, "/")
	var err error
	if a.Name, err = url.PathUnescape(a.Name); err != nil {
		return Asked{}, fmt.Errorf("%w: the stream's name is no part of an address", ErrProtocol)
	}
	for _, q := range []string{inApp, inStream} {
		said, err := url.ParseQuery(q)
		if err != nil {
			return Asked{}, fmt.Errorf("%w: the query behind the stream's name cannot be read", ErrProtocol)
		}
		for k, v := range said { // the stream's name is nearer to who speaks
			a.Query[k] = v
		}
	}
	return a, nil
}
