package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"time"

	"livedub/internal/cli"
	"livedub/internal/gpu"
	"livedub/internal/netlimit"
	"livedub/internal/telemetry"
	"livedub/signaling"
	"livedub/signaling/serving"
	"livedub/signaling/streamkey"
)

// runServe serves until ctx ends, then lets live calls go on to their end, for serve.drain at most.
func runServe(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	cfg, rest, err := cli.Settings(cli.NewFlags("serve"), "serve [flags]", args, stdout)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return cli.Usagef("serve: takes no arguments, got %q: see livedub serve --help", rest[0])
	}
	if err := errors.Join(checkRecord(cfg), checkMouths(cfg)); err != nil {
		return err
	}
	log, err := telemetry.NewLogger(stderr, cfg.Log.Level, cfg.Log.Format)
	if err != nil {
		return err
	}
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	group := findFleet(ctx, cfg, leave, log)
	defer group.Close() // after all else: the instance may be gone then
	node, err := openRegistry(ctx, &cfg, log)
	if err != nil {
		return err
	}
	defer node.leave()
	auth, key, err := openAuth(ctx, cfg, node, log)
	if err != nil {
		return err
	}
	defer auth.Close()
	access := newAccess(cfg, key, auth, log)
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
	gpus := gpu.Watch()
	defer gpus.Close()
	if err := node.begin(ctx, cfg, l.Addr(), gpus.Read, group.known); err != nil {
		l.Close()
		return err
	}
	site := newSite(cert.Listen(l), node.answerer(), log)
	defer site.Close()
	if node != nil { // gateways need not wait to know that the run before this one is gone
		cfg.Cluster.Node = node.self.ID
		site.open()
	}
	endpoints, err := openEndpoints(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer endpoints.Close()
	if endpoints.doors, err = openDoors(ctx, cfg, endpoints.calls, access, auth.Keys, cert, log); err != nil {
		return err
	}
	registry := telemetry.NewRegistry(version())
	registry.MustRegister(endpoints.calls.manager, mediaMetrics{endpoints.calls.host}, engineMetrics{endpoints.engines}, gpuMetrics{gpus.Read}, endpoints.doors.door, endpoints.outputs)
	registry.MustRegister(awsMetrics{group})
	registry.MustRegister(endpoints.kept.metrics()...)
	if endpoints.air != nil {
		registry.MustRegister(endpoints.air)
	}
	if m := endpoints.engines.mouths; m != nil {
		registry.MustRegister(m)
	}
	loops := endpoints.engines.voiceLoops
	if n := endpoints.engines.lipNet; n != nil {
		registry.MustRegister(n)
		loops = slices.Concat(n.loops, loops)
	}
	if len(loops) > 0 {
		registry.MustRegister(modelMetrics{loops})
	}
	ready := func() bool { return ctx.Err() == nil }
	inside := serving.Insides(version(), telemetry.Handler(registry, log), ready, log)
	mux := handler(inside, log)
	endpoints.Register(mux)
	streamkey.NewAPI(auth.Store, log).Register(mux)
	endpoints.api.Register(inside) // it is the operator's too
	admin, err := serving.OpenAdmin(ctx, cfg.Admin.Listen, access, inside, log)
	if err != nil {
		return err
	}
	defer admin.Close()
	front := signaling.NewFront(signaling.FrontConfig{Proxies: cfg.Serve.TrustedProxies, PerSecond: float64(cfg.Limits.Requests), Log: log})
	h := front.Guard(access.Guard(mux))
	if enters, err := group.enter(ctx, endpoints, node, gpus.Read); !enters {
		return err
	}
	if node != nil {
		if err := node.join(ctx, cfg, endpoints, log); err != nil {
			return err
		}
		h = node.Guard(h)
	}
	site.RegisterOnShutdown(front.Leave)
	site.RegisterOnShutdown(endpoints.Leave) // event streams end, or else Shutdown would wait for them
	site.show(h)
	endpoints.doors.open()
	group.serves()
	fmt.Fprintf(stdout, "livedub serves %s (Ctrl-C ends it)\n", pageURL(cert.Scheme(), l.Addr()))
	log.Info("serving", "addr", l.Addr().String(), "media_port", endpoints.calls.host.Port(), "version", version())
	return serve(ctx, site, endpoints.Drain, cfg.Serve.Drain, log)
}

// serve lets a site that is open serve until ctx ends or it fails, and returns after
// its goroutine did. drain lets what is live come to its end, for the time given at most.
func serve(ctx context.Context, s *site, drain func(context.Context, time.Duration), most time.Duration, log *slog.Logger) error {
	select {
	case <-s.done:
		return fmt.Errorf("serve: %w: start it again", s.err)
	case <-ctx.Done():
	}
	log.Info("draining: no new sessions, live calls go on; a second signal ends them", "for_at_most", most.String())
	drain(context.WithoutCancel(ctx), most)
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastRequests)
	defer cancel()
	if err := s.Shutdown(bound); err != nil {
		log.Warn("requests cut off", "error", err)
	}
	s.Close()
	log.Info("done")
	return nil
}

// lastRequests is how long requests under way may take when all calls have ended.
const lastRequests = 1500 * time.Millisecond

// pageURL is what a person types to see the page served at a.
func pageURL(scheme string, a net.Addr) string {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return scheme + "://" + a.String()
	}
	if t.IP.IsLoopback() || t.IP.IsUnspecified() {
		return fmt.Sprintf("%s://localhost:%d", scheme, t.Port)
	}
	return scheme + "://" + t.String()
}
