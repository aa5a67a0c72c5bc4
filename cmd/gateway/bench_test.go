package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"livedub/cluster"
	"livedub/cluster/redis"
	"livedub/internal/testkit/redistest"
)

// BenchmarkUnknown has 64 callers ask for sessions that nobody has, among 1000 nodes
// in a real Redis, and tells how long a 404 takes.
func BenchmarkUnknown(b *testing.B) {
	s := redistest.Start(b)
	reg, err := redis.New(redis.Options{Addrs: []string{s.Addr}}, cluster.Rules{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		n := cluster.Node{ID: fmt.Sprintf("n%d", i), Boot: "1", Addr: "http://10.0.0.1:8080", State: cluster.Serving, Capacity: 8}
		if _, err := reg.Beat(b.Context(), n); err != nil {
			b.Fatal(err)
		}
	}
	reg.Close()
	ctx, cancel := context.WithCancel(b.Context())
	out, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"--listen", "127.0.0.1:0", "--cluster-url", "redis://" + s.Addr, "--cluster-secret", secret}, w, io.Discard)
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	url := strings.Fields(line)[2] + "/v1/sessions/nobody"
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	var mu sync.Mutex
	var all []time.Duration
	b.SetParallelism(32) // goroutines for each processor
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var mine []time.Duration
		for pb.Next() {
			began := time.Now()
			resp, err := client.Get(url)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if mine = append(mine, time.Since(began)); resp.StatusCode != http.StatusNotFound {
				b.Error(resp.Status)
				return
			}
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, mine...)
	})
	b.StopTimer()
	slices.Sort(all)
	for name, part := range map[string]float64{"p50-ms": .5, "p99-ms": .99} {
		b.ReportMetric(float64(all[int(part*float64(len(all)-1))].Microseconds())/1000, name)
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		b.Error(err)
	}
}
