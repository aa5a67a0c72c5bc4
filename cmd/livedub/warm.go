package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/google/uuid"

	"livedub/cluster"
	"livedub/internal/config"
	"livedub/internal/gpu"
	"livedub/internal/registry"
)

// warming is the time in which a node is known and takes nothing: its engines are
// being tried and its nets warmed. A nil one has ended.
type warming struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (w *warming) end() {
	if w == nil {
		return
	}
	w.cancel()
	w.done.Wait()
}

// begin makes this server known, once it may be, as a node that is reached at l and takes
// nothing yet, until join. A nil membership does nothing.
func (n *membership) begin(ctx context.Context, c config.Config, l net.Addr, gpus func(context.Context) gpu.Report, may func(context.Context) bool) error {
	if n == nil {
		return nil
	}
	addr, err := nodeAddr(c.Cluster.Addr, c.Serve.TLSCert != "", l)
	if err != nil {
		return err
	}
	id := cmp.Or(c.Cluster.Node, nodeName(l))
	if err := cluster.CheckID(id); err != nil {
		return fmt.Errorf("cluster.node: %w", err)
	}
	self := cluster.Node{ID: id, Boot: uuid.NewString(), Addr: addr, State: cluster.Warming}
	if err := self.Check(); err != nil {
		return fmt.Errorf("cluster.addr: %w", err)
	}
	n.self, n.gpus, n.warm = self, gpus, &warming{}
	heart := &cluster.Heart{
		Registry: n.reg, Rules: registry.Rules(c.Cluster), Self: func() cluster.Node { return self }, Mine: func() []cluster.Claim { return nil },
		Pulse: func(cluster.Pulse, error) {}, // join tells of what goes wrong
	}
	ctx, n.warm.cancel = context.WithCancel(ctx)
	n.warm.done.Go(func() {
		if may(ctx) {
			heart.Run(ctx)
		}
	})
	return nil
}

// nodeAddr returns where gateways reach a node that listens at l.
func nodeAddr(set string, secure bool, l net.Addr) (string, error) {
	if set != "" {
		return strings.TrimSuffix(set, "/"), nil
	}
	if secure { // a certificate is a name's
		return "", errors.New("cluster.addr: the server speaks TLS (serve.tls_cert): say by which name of its certificate gateways reach it, as https://node-7.example.net:8080")
	}
	t, ok := l.(*net.TCPAddr)
	if !ok || t.IP.IsUnspecified() {
		return "", errors.New("cluster.addr: the server listens on all addresses: say at which one gateways reach it, as http://10.0.0.7:8080")
	}
	return "http://" + t.String(), nil
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// nodeName makes a name of the machine's and the port.
func nodeName(l net.Addr) string {
	host, err := os.Hostname()
	if err != nil {
		host = "node"
	}
	_, port, _ := net.SplitHostPort(l.String())
	return strings.Trim(unfit.ReplaceAllString(host, "-"), "-")[:min(len(host), 50)] + "-" + port
}
