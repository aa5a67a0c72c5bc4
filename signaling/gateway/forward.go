package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"time"

	"livedub/cluster"
	"livedub/signaling"
)

func newTransport(t Times) *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: t.Dial}).DialContext,
		TLSHandshakeTimeout:    2 * t.Dial,
		ResponseHeaderTimeout:  t.Answer,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        30 * time.Second, // nodes close after 60 s
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // bodies pass as they are
	}
}

type originalKey struct{}

// Keep returns h behind which the request can be forwarded as it came, the
// capability in its path included. It stands before Access.Guard, which takes that out.
func Keep(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), originalKey{}, r)))
	})
}

// original returns the request as it came.
func original(r *http.Request) *http.Request {
	if o, ok := r.Context().Value(originalKey{}).(*http.Request); ok {
		return o
	}
	return r
}

// pass returns what the gateway vouches for in a request to a node.
func pass(r *http.Request, c cluster.Claim, create bool) signaling.Pass {
	who := signaling.From(r)
	return signaling.Pass{
		Node: c.Node, Boot: c.Boot, Session: c.Session, Fence: int64(c.Fence), Cost: c.Cost, Create: create,
		Client: who.Address(), Operator: who.Operator(), Open: who.Open(),
	}
}

// forward sends a request, whose body was read, to the node of a claim, and the
// answer back. An error says why there was none; nothing has been written then.
// errAway is for a node that two probes in a row did not reach.
func (g *Gateway) forward(w http.ResponseWriter, r *http.Request, body []byte, c cluster.Claim, p signaling.Pass) (status int, err error) {
	to, err := url.Parse(c.Addr)
	if err != nil || to.Host == "" {
		return 0, errAway
	}
	if err := g.gate.Enter(); err != nil {
		return 0, err
	}
	defer g.gate.Leave()
	ctx, cancel := context.WithCancelCause(r.Context())
	defer context.AfterFunc(g.gate.Context(), func() { cancel(signaling.ErrClosing) })()
	answered := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { g.doubt(ctx, c, answered, cancel) })
	defer watch.Wait() // also when the proxy panics to break the client's connection off
	defer cancel(nil)

	var failed error
	began, done := g.count.forwarding()
	defer done()
	heard := sync.OnceFunc(func() { began(); close(answered) })
	out := &steady{ResponseWriter: w, control: http.NewResponseController(w), most: g.cfg.Times.Write}
	proxy := httputil.ReverseProxy{
		Transport:     g.nodes,
		FlushInterval: -1, // events go on as they come
		ErrorLog:      slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
		Rewrite:       func(pr *httputil.ProxyRequest) { g.rewrite(pr, r, to, p) },
		ModifyResponse: func(a *http.Response) error {
			heard()
			status = a.StatusCode
			err := check(a.Header, a.StatusCode, c, p)
			signaling.Yield(w.Header(), a.Header)
			g.giveBack(r, c, err == nil && p.Create && status != http.StatusCreated)
			return err
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err },
	}
	in := original(r).WithContext(ctx)
	in.Body, in.ContentLength = http.NoBody, 0
	if len(body) > 0 {
		in.Body, in.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	in.TransferEncoding = nil
	proxy.ServeHTTP(out, in)
	switch cause := context.Cause(ctx); {
	case failed == nil || out.begun:
		return status, nil
	case r.Context().Err() != nil: // the client has left
		return status, nil
	case errors.Is(cause, errAway), errors.Is(cause, signaling.ErrClosing):
		return status, cause
	}
	return status, failed
}

// rewrite makes the request that goes to the node.
func (g *Gateway) rewrite(pr *httputil.ProxyRequest, r *http.Request, to *url.URL, p signaling.Pass) {
	pr.Out.URL.Scheme, pr.Out.URL.Host, pr.Out.Host = to.Scheme, to.Host, ""
	g.vouch(pr.Out, r, p)
}

// vouch writes into a request to a node for whom it is sent.
func (g *Gateway) vouch(out, r *http.Request, p signaling.Pass) {
	h := out.Header
	if base, err := url.Parse(signaling.BaseURL(r)); err == nil {
		h.Set("X-Forwarded-Proto", base.Scheme)
		h.Set("X-Forwarded-Host", base.Host)
		h.Del("X-Forwarded-Prefix")
		if base.Path != "" {
			h.Set("X-Forwarded-Prefix", base.Path)
		}
	}
	h.Set("X-Forwarded-For", p.Client.String())
	h.Set(signaling.PassHeader, g.cfg.Key.Seal(p, out.Method, out.URL.RequestURI(), time.Now()))
}

// check refuses an answer that is not the node's, or of a claim that is over.
func check(h http.Header, status int, c cluster.Claim, p signaling.Pass) error {
	by := h.Get(signaling.NodeHeader)
	refused := h.Get(signaling.RefusedHeader) != ""
	h.Del(signaling.NodeHeader) // nobody else's business
	h.Del(signaling.RefusedHeader)
	switch {
	case by == "":
		return errNoNode
	case by != p.Answerer():
		return errGone
	}
	if text := h.Get(signaling.FenceHeader); text != "" {
		if f, err := strconv.ParseInt(text, 10, 64); err != nil || cluster.Fence(f) < c.Fence {
			return errStale
		}
	}
	if status == http.StatusServiceUnavailable && (p.Create || refused) {
		return errTaken
	}
	return nil
}

// steady gives a client the same time for each part of an answer, however long that goes on.
type steady struct {
	http.ResponseWriter
	control *http.ResponseController
	most    time.Duration
	begun   bool // something was written, or the connection is no longer the server's
}

func (s *steady) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *steady) WriteHeader(status int) {
	s.begun = s.begun || status >= 200
	s.extend()
	s.ResponseWriter.WriteHeader(status)
}

func (s *steady) Write(b []byte) (int, error) {
	s.begun = true
	s.extend()
	return s.ResponseWriter.Write(b)
}

// extend moves the write deadline. Where deadlines are not supported, the server's own bound the write.
func (s *steady) extend() { _ = s.control.SetWriteDeadline(time.Now().Add(s.most)) }

// Hijack hands the connection of a websocket over.
func (s *steady) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	s.begun = true
	return s.control.Hijack()
}
