package doors

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers as a handler says; the client is closed with the test.
func server(t *testing.T, h http.HandlerFunc) (*Client, string) {
	t.Helper()
	srv := httptest.NewServer(h)
	c, err := New(srv.URL, "secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); srv.Close() })
	return c, srv.URL
}

func TestFollow(t *testing.T) {
	var resumed []string
	round := 0
	c, base := server(t, func(w http.ResponseWriter, r *http.Request) {
		resumed = append(resumed, r.Header.Get("Last-Event-ID"))
		if round++; round == 1 {
			fmt.Fprint(w, "retry: 1000\n\n: still here\n\nid: 7\nevent: caption\ndata: {\"lang\":\"es\",\"id\":1,\"text\":\"hola\",\"final\":true}\n\n"+
				"event: caption\ndata: {broken\n\nevent: unheard-of\ndata: {}\n\nevent: moved\ndata: {\"fence\":3}\n\n")
			return
		}
		fmt.Fprint(w, "event: spoken\ndata: {\"lang\":\"es\",\"id\":1,\"start\":1.5,\"end\":2}\n\nevent: end\ndata: {\"reason\":\"the session has ended\"}\n\n")
	})
	var got []Event
	var s Stream
	tell := func(e Event) { got = append(got, e) }
	if err := s.Follow(t.Context(), c, base, tell); err == nil || errors.Is(err, ErrEnded) {
		t.Fatalf("%v: a stream that breaks is not the end", err)
	}
	if err := s.Follow(t.Context(), c, base, tell); !errors.Is(err, ErrEnded) {
		t.Fatal(err)
	}
	want := []Event{
		{Kind: "caption", Caption: Caption{Lang: "es", ID: 1, Text: "hola", Final: true}}, {Kind: "moved"},
		{Kind: "spoken", Spoken: Spoken{Lang: "es", ID: 1, Start: 1.5, End: 2}}, {Kind: "end", Reason: "the session has ended"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !reflect.DeepEqual(resumed, []string{"", "7"}) {
		t.Errorf("went on behind %q", resumed)
	}
}

func TestRefusals(t *testing.T) {
	bearers := map[string]string{}
	c, base := server(t, func(w http.ResponseWriter, r *http.Request) {
		bearers[r.Method] = r.Header.Get("Authorization")
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(map[string]int{"POST": 503, "PATCH": 200, "DELETE": 404}[r.Method])
		if r.Method == "PATCH" {
			fmt.Fprint(w, `{"id":"a","to":["es","ca"],"whep":{"es":"x"}}`)
			return
		}
		fmt.Fprint(w, `{"error":"no place is left","hint":"try again later"}`)
	})
	s := Session{Control: base + "/v1/sessions/a~c.right"}
	_, err := c.Create(t.Context(), Wanted{From: "en"})
	var refused *StatusError
	if !errors.As(err, &refused) || refused.Status != 503 || refused.RetryAfter.Seconds() != 3 || refused.Text != "no place is left" {
		t.Errorf("%v", err)
	}
	if now, err := c.Retarget(t.Context(), s, []string{"es", "ca"}); err != nil || len(now.To) != 2 {
		t.Errorf("%+v, %v", now, err)
	}
	if err := c.End(t.Context(), s); err != nil {
		t.Errorf("a session that is gone: %v", err)
	}
	if want := map[string]string{"POST": "Bearer secret", "PATCH": "", "DELETE": ""}; !reflect.DeepEqual(bearers, want) {
		t.Errorf("%v: the token is for what bears no right itself", bearers)
	}
	if _, err := New("localhost:8080", ""); err == nil {
		t.Error("an address without scheme")
	}
}
