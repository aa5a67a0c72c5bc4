// Command mock is a stand-in for livedub's server, for the page's own tests: it
// sends a publisher's video and audio back a second later to every language,
// and invents captions and figures. It has an endpoint for faults: POST
// /mock/full, /mock/free, /mock/forget, /mock/end; /mock/neural adds what a
// server with neural engines has, /mock/light takes it away. After /mock/cluster
// new sessions have a fence, and /mock/move has another node take them over: this
// one again, which goes on to serve those who are connected.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"strconv"
	"sync"
	"time"

	"livedub/web"
)

const delay = time.Second

type server struct {
	mu       sync.Mutex
	sessions map[string]*session
	made     int
	neural   bool
	full     bool
	cluster  bool
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8099", "address")
	flag.Parse()
	s := &server{sessions: map[string]*session{}}
	mux := http.NewServeMux()
	mux.Handle("GET /", web.Handler())
	mux.HandleFunc("GET /v1/languages", s.languages)
	mux.HandleFunc("POST /v1/sessions", s.create)
	mux.HandleFunc("GET /v1/sessions/{id}", s.with((*session).show))
	mux.HandleFunc("PATCH /v1/sessions/{id}", s.with((*session).change))
	mux.HandleFunc("POST /v1/sessions/{id}/dump", s.with((*session).dump))
	mux.HandleFunc("DELETE /v1/sessions/{id}", s.with(s.remove))
	mux.HandleFunc("GET /v1/sessions/{id}/events", s.with((*session).events))
	mux.HandleFunc("POST /whip/{id}", s.with((*session).publish))
	mux.HandleFunc("POST /whep/{id}/{lang}", s.with((*session).watch))
	mux.HandleFunc("DELETE /peer/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("POST /mock/{fault}", s.fault)
	log.Printf("mock serves http://%s", *listen)
	log.Fatal(http.ListenAndServe(*listen, mux))
}

func (s *server) languages(w http.ResponseWriter, _ *http.Request) {
	const demo = "demo: rule-based words, robot voice"
	pair := func(from, to string) map[string]string {
		return map[string]string{"from": from, "to": to, "quality": demo}
	}
	pairs := []any{pair("en", "es"), pair("en", "ca"), pair("en", "gl"), pair("es", "en"), pair("es", "ca")}
	s.mu.Lock()
	if s.neural {
		pairs = append(pairs, pair("es", "pt"))
	}
	s.mu.Unlock()
	reply(w, 200, map[string]any{"pairs": pairs})
}

func (s *server) create(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		From    string   `json:"from"`
		To      []string `json:"to"`
		Profile string   `json:"profile"`
		Consent bool     `json:"consent"`
		Keep    []string `json:"keep"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || len(ask.To) == 0 || !ask.Consent {
		reply(w, 400, map[string]string{"error": "from, to and consent are needed"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		w.Header().Set("Retry-After", "2")
		reply(w, 503, map[string]string{"error": "4 of 4 sessions are taken: try again later"})
		return
	}
	s.made++
	id := fmt.Sprintf("mock%d", s.made)
	s.sessions[id] = newSession(id, ask.From, ask.To, ask.Profile)
	s.sessions[id].keep = ask.Keep
	if s.cluster {
		s.sessions[id].fence = 1000
	}
	reply(w, 201, s.sessions[id].words())
}

func (s *server) remove(v *session, w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	delete(s.sessions, v.id)
	s.mu.Unlock()
	v.close("deleted")
	w.WriteHeader(http.StatusNoContent)
}

func (s *server) fault(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.PathValue("fault") {
	case "full":
		s.full = true
	case "free":
		s.full = false
	case "cluster":
		s.cluster = true
	case "move":
		for _, v := range s.sessions {
			v.move()
		}
	case "neural", "light":
		s.neural = r.PathValue("fault") == "neural"
	case "forget", "end":
		for id, v := range s.sessions {
			if r.PathValue("fault") == "end" {
				v.close("the operator ended it")
			} else {
				v.close("")
			}
			delete(s.sessions, id)
		}
	}
	reply(w, 200, map[string]int{"made": s.made, "open": len(s.sessions)})
}

func (s *server) with(f func(*session, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		v := s.sessions[r.PathValue("id")]
		s.mu.Unlock()
		if v == nil {
			reply(w, 404, map[string]string{"error": "no session " + r.PathValue("id")})
			return
		}
		if f := v.under(); f > 0 {
			w.Header().Set("Livedub-Fence", strconv.FormatInt(f, 10))
		}
		f(v, w, r)
	}
}

func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Print(err)
	}
}
