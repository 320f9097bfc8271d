package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/emulator"
)

// TestMain lets the test binary be the endpoint and the candidates, as the program itself is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "endpoint" || os.Args[1] == "candidate" || os.Args[1] == "core") {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestRun measures everything, with so few tasks that the figures mean nothing: it shows that each candidate handles all
// of its tasks, and that the counts are right where they must be.
func TestRun(t *testing.T) {
	t.Parallel()
	p := quickPlan()
	p.Candidates = nil
	for _, c := range candidates() {
		p.Candidates = append(p.Candidates, c.name)
	}
	p.N, p.BulkN, p.Concurrency, p.Delays, p.Rates = 200, 100, []int{16}, p.Delays[1:], []float64{100}
	p.LatencyTime, p.IdleTime, p.IdleSlots, p.ScalingTime = 200*time.Millisecond, time.Second, 10, 100*time.Millisecond
	p.Workers, p.ScalingSlots = []int{2}, []int{16}
	l := &lab{plan: p, progress: t.Output(), temp: t.TempDir(), profiles: t.TempDir()}
	if err := l.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := summary{l.results}
	for _, name := range p.Candidates {
		f := s.throughput(name, p.Delays[0], 16)
		if f.enqueued <= 0 || f.worked <= 0 || f.cpu <= 0 {
			t.Errorf("%s: %+v", name, f)
		}
		if d := s.latency(name, p.Delays[0], 100); d.p50 < 10 || d.p99 > 5000 {
			t.Errorf("%s: latency %+v ms behind a delay of 10", name, d)
		}
	}
	naive := s.throughput("naive", p.Delays[0], 16).requests
	if naive["send"] != 1 || naive["delete"] != 1 {
		t.Errorf("the naive loop made %v requests a task", naive)
	}
	if len(s.Scaling) != 2 || len(s.Bulk) != 1 || len(s.Durable) != 1 || len(s.Executor) != 1 {
		t.Errorf("something was not measured: %+v", l.results)
	}
	if profiles, _ := filepath.Glob(filepath.Join(l.profiles, "*.prof")); len(profiles) < 6 {
		t.Errorf("profiles: %v", profiles)
	}

	file := filepath.Join(t.TempDir(), "results.json")
	if err := l.results.save(file); err != nil {
		t.Fatal(err)
	}
	docs := filepath.Join(t.TempDir(), "docs.md")
	if err := os.WriteFile(docs, []byte("before\n"+benchMarks.begin+"\n"+benchMarks.end+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--from", file, "--docs", docs}, nil, &out, &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != render(l.results) {
		t.Errorf("the results read from a file are printed otherwise:\n%s", &out)
	}
	if text, _ := os.ReadFile(docs); !strings.Contains(string(text), strings.TrimSpace(out.String())) {
		t.Errorf("the tables are not in the document:\n%s", text)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--candidates", "core,other"}, {"surplus"}, {"--no-such-flag"}, {"--from", "no-such-file"}} {
		var out bytes.Buffer
		if err := run(t.Context(), args, nil, &out, &out); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}

func TestEndpointCounts(t *testing.T) {
	t.Parallel()
	em, err := emulator.Open(emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = em.Close() })
	e := &endpoint{emulator: em, half: time.Millisecond}
	e.reset()
	server := httptest.NewServer(e.sqs())
	t.Cleanup(server.Close)
	control := httptest.NewServer(e.control())
	t.Cleanup(control.Close)
	where := target{endpoint: server.URL, queueURL: server.URL + "/000000000000/" + queueName}
	client := where.client()
	if _, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(queueName)}); err != nil {
		t.Fatal(err)
	}
	body := `{"MessageId":"looks like one","Id":"and another"}`
	if err := tunedSendBatch(client, where, []tunedSend{{body: body}, {body: body}, {body: body}}); err != nil {
		t.Fatal(err)
	}
	out, err := client.ReceiveMessage(t.Context(), receiveTen(where))
	if err != nil || len(out.Messages) != 3 {
		t.Fatal(out, err)
	}
	invalid := aws.String("no handle")
	if err := tunedDeleteBatch(t.Context(), client, where, []*string{out.Messages[0].ReceiptHandle, invalid, out.Messages[1].ReceiptHandle}); err == nil {
		t.Error("an invalid handle was accepted")
	}
	if _, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &where.queueURL, ReceiptHandle: out.Messages[2].ReceiptHandle}); err != nil {
		t.Error(err)
	}
	if _, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &where.queueURL, ReceiptHandle: invalid}); err == nil {
		t.Error("an invalid handle was accepted")
	}

	var c counts
	remote := &remoteEndpoint{where: addresses{Control: control.URL}}
	if c, err = remote.await(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if c.Sent != 3 || c.Received != 3 || c.Deleted != 3 {
		t.Errorf("messages: %+v", c)
	}
	for kind, want := range map[string]int{"send": 1, "receive": 1, "delete": 3, "other": 1} {
		if c.Requests[kind] != want {
			t.Errorf("%s requests: %d, want %d", kind, c.Requests[kind], want)
		}
	}
	if c.Statuses[http.StatusOK] != 5 || c.total() != 6 {
		t.Errorf("statuses: %+v", c)
	}
	if err := remote.reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, err = remote.counts(t.Context()); err != nil || c.total() != 0 || c.Sent != 0 {
		t.Errorf("after a reset: %+v, %v", c, err)
	}
	if err := remote.ask(t.Context(), http.MethodGet, "/await?deleted=many", nil); err == nil {
		t.Error("a number that is none was accepted")
	}
}

func TestGather(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := make(chan int, 100)
		var mu sync.Mutex
		var sizes []int
		took := make(chan struct{})
		go func() {
			defer close(took)
			gather(in, 4, time.Second, func(batch []int) {
				mu.Lock()
				defer mu.Unlock()
				sizes = append(sizes, len(batch))
			})
		}()
		for i := range 13 {
			in <- i
		}
		check := func(when string, want ...int) {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(sizes, want) {
				t.Errorf("%s: batches of %v, want %v", when, sizes, want)
			}
		}
		check("at once", maxBatch)
		time.Sleep(2 * time.Second)
		close(in)
		<-took
		check("after the linger", maxBatch, 3)
	})
}

func TestTaskSize(t *testing.T) {
	t.Parallel()
	body, err := encode(newParams())
	if err != nil || len(body) < 180 || len(body) > 220 {
		t.Errorf("the parameters are %d bytes: %s, %v", len(body), body, err)
	}
	p, err := decode(body)
	if err != nil || p.Payload != payload || p.CalledAt == 0 {
		t.Errorf("decoded as %+v, %v", p, err)
	}
	if !json.Valid([]byte(body)) {
		t.Errorf("no JSON: %s", body)
	}
}

func TestComplain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := complaints.Load()
	complain(ctx, os.ErrClosed) // the end is near: no complaint
	complain(t.Context(), nil)
	if complaints.Load() != before {
		t.Error("complained about nothing")
	}
}
