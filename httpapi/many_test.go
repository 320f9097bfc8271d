package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coretasks/core/results"
)

// A thousand streams of as many jobs, from clients in the same process, which are part of the figure.
func TestThousandStreams(t *testing.T) {
	const streams = 1000
	f := newFixture(t)
	f.logger = slog.New(slog.DiscardHandler)
	for i := range streams {
		f.store.put(record("job-"+strconv.Itoa(i), results.Running))
	}
	goroutines, memory := runtime.NumGoroutine(), inUse()
	server, url := f.serveOn(t)

	var open sync.WaitGroup
	var ended atomic.Int64
	conns := make([]net.Conn, streams)
	for i := range conns {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = conn
		if _, err := fmt.Fprintf(conn, "GET /jobs/job-%d/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", i); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all streams are open", func() bool { return f.openStreams() == streams })
	peak, most := inUse()-memory, runtime.NumGoroutine()-goroutines
	before, at := f.store.reads.Load(), time.Now()
	time.Sleep(time.Second)
	rate := float64(f.store.reads.Load()-before) / time.Since(at).Seconds()

	for i := range conns {
		f.store.put(record("job-"+strconv.Itoa(i), results.Succeeded))
	}
	began := time.Now()
	for _, conn := range conns {
		open.Go(func() {
			defer func() { _ = conn.Close() }()
			text, err := io.ReadAll(bufio.NewReaderSize(conn, 512))
			if err == nil && strings.Contains(string(text), "event: end") {
				ended.Add(1)
			}
		})
	}
	open.Wait()
	took := time.Since(began)
	if ended.Load() != streams {
		t.Errorf("%d of %d clients saw the end", ended.Load(), streams)
	}
	if err := f.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines+2 })
	t.Logf("%d streams: %.1f MiB of heap and stacks, %d goroutines, %.0f reads/s; all ended %v after their jobs", streams, float64(peak)/(1<<20), most, rate, took.Round(time.Millisecond))
	if peak > 100<<20 {
		t.Errorf("%d MiB for %d streams", peak>>20, streams)
	}
	if rate > DefaultStoreReads*1.1 {
		t.Errorf("%.0f reads/s, more than the limit of %d", rate, DefaultStoreReads)
	}
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

func BenchmarkEnqueue(b *testing.B) {
	f := newFixture(b, func(c *Config) {
		c.Store = nil
		c.Logger = slog.New(slog.DiscardHandler)
	})
	h := f.Handler()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w := &tap{}
			h.ServeHTTP(w, request("POST", "/tasks/reports.generate", `{"user_id":7,"report_type":"monthly"}`))
			if w.status != http.StatusAccepted {
				b.Error(w.status)
			}
		}
	})
}

func BenchmarkEnqueueOverTCP(b *testing.B) {
	f := newFixture(b, func(c *Config) { c.Logger = slog.New(slog.DiscardHandler) })
	_, url := f.serveOn(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			resp, err := client.Post(url+"/tasks/reports.generate", "application/json", strings.NewReader(`{"user_id":7,"report_type":"monthly"}`))
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
