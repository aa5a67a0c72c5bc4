// Command gateway is the public front of a cluster of livedub servers: it finds a
// node for each new session and forwards what comes for a session to its node.
package main

import (
	"context"
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
	"livedub/cluster/redis"
	"livedub/internal/auth"
	"livedub/internal/cli"
	"livedub/internal/config"
	"livedub/internal/netlimit"
	"livedub/internal/registry"
	"livedub/internal/telemetry"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/gateway"
	"livedub/signaling/serving"
	"livedub/signaling/streamkey"
)

// revision is what git describes; make build sets it.
var revision = "(devel)"

// settings are those that a gateway has, of all that there are.
var settings = []string{
	"cluster.url", "cluster.name", "cluster.secret", "cluster.secret_file", "cluster.policy", "cluster.neural", "serve.listen", "serve.hosts", "serve.trusted_proxies",
	"limits.requests", "limits.websockets", "limits.connections", "limits.connections_all", "serve.tls_cert", "serve.tls_key", "access.open", "access.key", "access.key_file", "auth", "admin.listen", "admin.token",
	"aws.enabled", "aws.namespace", "aws.group", "log",
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
	reg, err := registry.Open(ctx, cfg.Cluster, log)
	if err != nil {
		return err
	}
	defer reg.Close()
	died, err := publishDeaths(ctx, cfg.AWS, reg, log)
	if err != nil {
		return err
	}
	defer died.Close()
	auth, err := openAuth(ctx, cfg, reg, key, log)
	if err != nil {
		return err
	}
	defer auth.Close()
	cert, err := serving.OpenCertificate(cfg.Serve.TLSCert, cfg.Serve.TLSKey, log)
	if err != nil {
		return err
	}
	defer cert.Close()
	l, err := serving.Listen(ctx, cfg.Serve.Listen, "--listen")
	if err != nil {
		return err
	}
	l = netlimit.Listen(l, netlimit.Config{Each: cfg.Limits.Connections, All: cfg.Limits.ConnectionsAll, Exempt: cfg.Serve.TrustedProxies})
	g := gateway.New(gateway.Config{
		Registry: reg, Key: signaling.NewPassKey(key), Neural: cfg.Cluster.Neural, Page: serving.Page(log), Sockets: cfg.Limits.Websockets, Log: log,
	})
	metrics := telemetry.NewRegistry(revision)
	metrics.MustRegister(g, died)
	access := guard(cfg, auth, log)
	// Health says nothing of Redis or nodes: what runs goes on without the one, and calls find the others.
	inside := serving.Insides(revision, telemetry.Handler(metrics, log), func() bool { return ctx.Err() == nil }, log)
	admin, err := serving.OpenAdmin(ctx, cfg.Admin.Listen, access, inside, log)
	if err != nil {
		l.Close()
		return err
	}
	defer admin.Close()
	front := signaling.NewFront(signaling.FrontConfig{Proxies: cfg.Serve.TrustedProxies, PerSecond: float64(cfg.Limits.Requests), Log: log})
	srv := serving.NewServer(signaling.Secure(front.Guard(handler(g, access, inside, streamkey.NewAPI(auth.Store, log)))), log) // the gateway moves the time for writing on
	srv.RegisterOnShutdown(front.Leave)
	fmt.Fprintf(stdout, "gateway serves %s://%s (Ctrl-C ends it)\n", cert.Scheme(), l.Addr())
	log.Info("serving", "addr", l.Addr().String(), "version", revision)
	return serve(ctx, srv, cert.Listen(l), g, reg, registry.Rules(cfg.Cluster), log)
}

// openAuth opens what tokens are checked by: capabilities are the nodes' to check, but a
// token may give the right to create a session, for which the gateway finds a node.
func openAuth(ctx context.Context, c config.Config, reg *redis.Registry, cluster access.Key, log *slog.Logger) (*auth.Auth, error) {
	key, err := cluster.For("capabilities"), error(nil)
	switch {
	case c.Access.Key != "" && c.Access.KeyFile != "":
		err = errors.New("access.key and access.key_file are both set: keep one")
	case c.Access.Key != "":
		key, err = access.NewKey(c.Access.Key)
	case c.Access.KeyFile != "":
		key, _, err = access.LoadOrMake(c.Access.KeyFile)
	}
	if err != nil {
		return nil, err
	}
	return auth.Open(ctx, c.Auth, reg, key, log)
}

// guard tells who may do what. The nodes check capabilities: a gateway has no key for them.
func guard(c config.Config, a *auth.Auth, log *slog.Logger) *signaling.Access {
	hosts := c.Serve.Hosts
	if host, _, err := net.SplitHostPort(c.Serve.Listen); err == nil && host != "" && net.ParseIP(host) == nil {
		hosts = append(hosts, host)
	}
	return signaling.NewAccess(signaling.AccessConfig{OperatorToken: c.Admin.Token, Open: c.Access.Open, Hosts: hosts, Tokens: a.Tokens, Revoked: a.Revoked, Log: log})
}

// handler is everything that a gateway answers.
func handler(g *gateway.Gateway, access *signaling.Access, inside http.Handler, keys *streamkey.API) http.Handler {
	mux, operator := http.NewServeMux(), http.NewServeMux()
	keys.Register(operator)
	mux.Handle("/", gateway.Keep(access.Guard(g.Handler())))
	mux.Handle("/v1/keys", access.Guard(operator))
	mux.Handle("/v1/keys/", access.Guard(operator))
	for _, path := range []string{"/metrics", "/debug/pprof/", "/healthz", "/readyz"} {
		mux.Handle("GET "+path, access.Guard(inside))
	}
	return mux
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
