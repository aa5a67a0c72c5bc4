// Command gateway is the public front of a cluster of livedub servers: it finds a
// node for each new session and forwards what comes for a session to its node.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"livedub/cluster"
	"livedub/internal/cli"
	"livedub/internal/config"
	"livedub/internal/netlimit"
	"livedub/internal/registry"
	"livedub/internal/telemetry"
	"livedub/signaling"
	"livedub/signaling/gateway"
	"livedub/web"
)

// revision is what git describes; make build sets it.
var revision = "(devel)"

// settings are those that a gateway has, of all that there are.
var settings = []string{
	"cluster.url", "cluster.name", "cluster.secret", "cluster.secret_file", "cluster.policy", "cluster.neural", "serve.listen", "serve.hosts", "serve.trusted_proxies",
	"limits.requests", "limits.connections", "limits.connections_all", "access.open", "admin.token", "log",
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	os.Exit(cli.ExitOf("gateway", run(ctx, os.Args[1:], os.Stdout, os.Stderr), os.Stderr))
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("gateway")
	tell := fs.Bool("version", false, "tell the version, and leave")
	cfg, rest, err := cli.SettingsOf(fs, "gateway --cluster-url URL [flags]\n\nThe public front of a cluster of livedub servers. It keeps nothing: start as many as you like.", args, stdout, settings...)
	switch {
	case err != nil:
		return err
	case *tell:
		_, err := fmt.Fprintln(stdout, "gateway "+revision)
		return err
	case len(rest) > 0:
		return cli.Usagef("gateway: takes no arguments, got %q: see gateway --help", rest[0])
	case cfg.Cluster.URL == "":
		return cli.Usagef("gateway: --cluster-url is missing: name the Redis that the nodes use, as redis://127.0.0.1:6379")
	}
	log, err := telemetry.NewLogger(stderr, cfg.Log.Level, cfg.Log.Format)
	if err != nil {
		return err
	}
	key, err := registry.Key(cfg.Cluster, log)
	if err != nil {
		return err
	}
	reg, err := registry.Open(ctx, cfg.Cluster)
	if err != nil {
		return err
	}
	defer reg.Close()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Serve.Listen)
	if err != nil {
		return fmt.Errorf("%w: choose another address with --listen", err)
	}
	l = netlimit.Listen(l, netlimit.Config{Each: cfg.Limits.Connections, All: cfg.Limits.ConnectionsAll, Exempt: cfg.Serve.TrustedProxies})
	g := gateway.New(gateway.Config{Registry: reg, Key: signaling.NewPassKey(key), Neural: cfg.Cluster.Neural, Page: page(log), Log: log})
	front := signaling.NewFront(signaling.FrontConfig{Proxies: cfg.Serve.TrustedProxies, PerSecond: float64(cfg.Limits.Requests), Log: log})
	srv := &http.Server{
		Handler:           front.Guard(handler(ctx, g, guard(cfg))),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second, // of each part of an answer: the gateway moves it on
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	srv.RegisterOnShutdown(front.Leave)
	fmt.Fprintf(stdout, "gateway serves http://%s (Ctrl-C ends it)\n", l.Addr())
	log.Info("serving", "addr", l.Addr().String(), "version", revision)
	return serve(ctx, srv, l, g, reg, registry.Rules(cfg.Cluster), log)
}

// guard tells who may do what. The nodes check capabilities: a gateway has no key for them.
func guard(c config.Config) *signaling.Access {
	hosts := c.Serve.Hosts
	if host, _, err := net.SplitHostPort(c.Serve.Listen); err == nil && host != "" && net.ParseIP(host) == nil {
		hosts = append(hosts, host)
	}
	return signaling.NewAccess(signaling.AccessConfig{OperatorToken: c.Admin.Token, Open: c.Access.Open, Hosts: hosts})
}

// handler is everything that a gateway answers. Its health says nothing of Redis or
// nodes: what runs goes on without the one, and calls find the others.
func handler(ctx context.Context, g *gateway.Gateway, access *signaling.Access) http.Handler {
	start := time.Now()
	mux := http.NewServeMux()
	mux.Handle("/", gateway.Keep(access.Guard(g.Handler())))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		// The client may be gone; there is nobody to tell.
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "ok", "version": revision, "uptime_s": int(time.Since(start).Seconds())})
	})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		says := "ready\n"
		if ctx.Err() != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			says = "leaving\n"
		}
		_, _ = io.WriteString(w, says)
	})
	return mux
}

// page serves the page's files, and tells programs in JSON what is none of them.
func page(log *slog.Logger) http.Handler {
	files := web.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !web.Has(r.URL.Path):
			signaling.WriteError(w, r, log, &signaling.Error{
				Kind: signaling.ErrNotFound, Message: fmt.Sprintf("there is nothing at %.80q", r.URL.Path),
				Hint: "there are /v1/sessions, /v1/languages, /whip/{session} and /whep/{session}/{lang}; the page is at /",
			})
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			signaling.WriteError(w, r, log, signaling.ErrMethod.Errorf("%s is not allowed here: use GET", r.Method))
		default:
			files.ServeHTTP(w, r)
		}
	})
}

// lastRequests is how long requests under way may take when the gateway leaves.
// What goes on longer, as event streams and websockets, is cut off: clients come
// back to another gateway.
const lastRequests = 1500 * time.Millisecond

// serve serves, and reaps dead nodes, until ctx ends.
func serve(ctx context.Context, srv *http.Server, l net.Listener, g *gateway.Gateway, reg cluster.Registry, rules cluster.Rules, log *slog.Logger) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	heart := &cluster.Heart{Registry: reg, Rules: rules, Lost: func(lost []cluster.Claim) {
		log.Warn("nodes are dead: their sessions are moved when somebody comes back to them", "sessions", len(lost))
	}, Reaped: outages(log)}
	all.Go(func() { heart.Run(ctx) })
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		g.Close()
		return fmt.Errorf("%w: start it again", err)
	case <-ctx.Done():
	}
	log.Info("leaving")
	bound, end := context.WithTimeout(context.WithoutCancel(ctx), lastRequests)
	defer end()
	if err := srv.Shutdown(bound); err != nil {
		srv.Close()
	}
	g.Close()
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	log.Info("done")
	return nil
}

// outages returns a function that logs when the registry goes and comes.
func outages(log *slog.Logger) func(error) {
	away := false
	return func(err error) {
		switch {
		case err != nil && !away:
			log.Warn("the registry does not answer: calls go on, new ones cannot begin", "err", err)
		case err == nil && away:
			log.Info("the registry is back")
		}
		away = err != nil
	}
}
