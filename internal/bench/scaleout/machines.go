package scaleout

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"livedub/internal/testkit/awsfake"
	"livedub/internal/testkit/clusterrig"
)

// began tells whether the load has.
type began = atomic.Bool

const lastWords = 600 // bytes of what a node printed

// machine is an instance: what it sees of AWS, and its process.
type machine struct {
	services []*httptest.Server
	node     *clusterrig.Process
}

// run starts the process of an instance that EC2 has booted.
func (l *Ground) run(id string, _ bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.machines[id]
	if m == nil {
		m = l.machine(id)
		l.machines[id] = m
	}
	if err := m.node.End(); err != nil { // of the run before; it has had the time that EC2 takes
		l.failed = err
		return
	}
	if l.began.Load() {
		l.marks.Set(Process, time.Now())
	}
	if err := m.node.Begin(); err != nil {
		l.failed = err
	}
}

// halt has an instance's process leave, as systemd does when EC2 stops the machine.
func (l *Ground) halt(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.machines[id]; m != nil && m.node.Running() {
		_ = m.node.Leave() // it may have left by itself
	}
}

// machine makes an instance, with the settings that a node has at AWS.
func (l *Ground) machine(id string) *machine {
	m := &machine{}
	at := awsfake.Instance{Fake: l.Fake, ID: id}
	for _, s := range []awsfake.Service{awsfake.IMDS, awsfake.AutoScaling, awsfake.CloudWatch} {
		m.services = append(m.services, at.Listen(s))
	}
	env := append(awsfake.Environment(m.services[0], m.services[1], m.services[2]),
		"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_SESSION_TOKEN=", "AWS_PROFILE=", "AWS_REGION=",
		"AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent",
		"XDG_STATE_HOME="+filepath.Join(l.dir, id), "LIVEDUB_STORE_DIR="+filepath.Join(l.dir, id, "store"))
	engines := []string{"--recognize-engine", "fake", "--translate-engine", "fake", "--speak-engine", "fake"}
	if l.cfg.Light {
		engines = []string{"--engines", "light"}
	}
	m.node = clusterrig.NewProcess(id, "", filepath.Join(l.cfg.Bin, "livedub"), append(slices.Concat([]string{"serve"}, l.member(), engines),
		"--listen", "127.0.0.1:0", "--media-port", "0", "--cluster-node", id, "--aws-enabled", "on", "--aws-namespace", namespace, "--aws-group", GroupName,
		"--limits-offers", "0", "--limits-offers-all", "0", "--limits-unused", "0", "--limits-streams", "0", "--limits-viewers", "0",
		"--max-sessions", fmt.Sprint(l.cfg.Places), "--drain", "0s", "--lips-engine", "off"), env)
	return m
}

func (m *machine) close() error {
	err := m.node.End()
	for _, s := range m.services {
		s.Close()
	}
	return err
}

// Printed returns the last that nodes printed.
func (l *Ground) Printed() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for id, m := range l.machines {
		text := m.node.Printed()
		all = append(all, id+": "+text[max(0, len(text)-lastWords):])
	}
	return strings.Join(all, "; ")
}
