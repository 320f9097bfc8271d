package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coretasks/core/results"
)

// An event is one server-sent event as a client has it.
type event struct {
	kind, id, data string
}

func parseEvents(text string) []event {
	var events []event
	for block := range strings.SplitSeq(text, "\n\n") {
		var e event
		for line := range strings.SplitSeq(block, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			switch name {
			case "event":
				e.kind = value
			case "id":
				e.id = value
			case "data":
				e.data = value
			}
		}
		if e.kind != "" {
			events = append(events, e)
		}
	}
	return events
}

func kinds(events []event) []string {
	var all []string
	for _, e := range events {
		var r results.Record
		_ = json.Unmarshal([]byte(e.data), &r)
		all = append(all, e.kind+" "+string(r.State))
	}
	return all
}

// tap is a client that takes all, in memory.
type tap struct {
	mu      sync.Mutex
	header  http.Header
	status  int
	written strings.Builder
}

func (w *tap) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *tap) WriteHeader(status int) { w.status = status }

func (w *tap) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written.Write(p)
}

func (*tap) Flush() {}

func (w *tap) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written.String()
}

// open starts a stream; done is closed when it ends.
func (f *fixture) open(ctx context.Context, id string, headers ...string) (w *tap, done chan struct{}) {
	w, done = &tap{}, make(chan struct{})
	go func() {
		defer close(done)
		f.Handler().ServeHTTP(w, request("GET", "/jobs/"+id+"/events", "", headers...).WithContext(ctx))
	}()
	return w, done
}

func TestEventsUntilTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		w, done := f.open(t.Context(), "waiting")
		r := record("waiting", results.Running)
		change := func(edit func()) {
			time.Sleep(3 * time.Second)
			edit()
			r.UpdatedAt = time.Now()
			f.store.put(r)
		}
		change(func() { r.Attempt, r.Runs = 1, 1 })
		change(func() { r.Progress, r.ProgressText = 0.5, "half\nway" })
		change(func() { r.CancelRequested = true })
		change(func() { r.State, r.Result = results.Succeeded, json.RawMessage("{\n \"a\": 1\n}") })
		<-done
		events := parseEvents(w.text())
		want := []string{"state queued", "state running", "progress running", "state running", "state succeeded", "end succeeded"}
		if got := kinds(events); !slices.Equal(got, want) {
			t.Fatalf("events %q, want %q", got, want)
		}
		if !strings.HasPrefix(w.text(), "retry: 2000\n\n") || !strings.Contains(w.text(), `"result":{"a":1}`) {
			t.Errorf("stream %s", w.text())
		}
		if w.status != 200 || w.header.Get("Content-Type") != "text/event-stream" || w.header.Get("X-Accel-Buffering") != "no" || w.header.Get("Cache-Control") != "no-store" {
			t.Errorf("status %d, headers %v", w.status, w.header)
		}

		// A client that missed the end gets it, one that has it is stopped.
		for _, id := range []string{"", events[2].id, events[4].id, "nonsense"} {
			again, done := f.open(t.Context(), "waiting", "Last-Event-ID: "+id)
			<-done
			if got := kinds(parseEvents(again.text())); !slices.Equal(got, want[4:]) {
				t.Errorf("after %q: events %q, want %q", id, got, want[4:])
			}
		}
		again, done := f.open(t.Context(), "waiting", "Last-Event-ID: "+events[5].id)
		<-done
		if again.status != http.StatusNoContent || again.text() != "" {
			t.Errorf("after the end: status %d, %s", again.status, again.text())
		}
	})
}

func TestEventsAfterAReconnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		ctx, leave := context.WithCancel(t.Context())
		w, done := f.open(ctx, "waiting")
		time.Sleep(time.Second)
		leave()
		<-done
		last := parseEvents(w.text())[0].id
		f.store.put(record("waiting", results.Running)) // while nobody watches, in the same millisecond

		ctx, leave = context.WithCancel(t.Context())
		w, done = f.open(ctx, "waiting", "Last-Event-ID: "+last)
		time.Sleep(time.Second)
		leave()
		<-done
		events := parseEvents(w.text())
		if got := kinds(events); !slices.Equal(got, []string{"state running"}) || events[0].id == last {
			t.Errorf("events %q, ids %q and %q", got, last, events[0].id)
		}
	})
}

func TestHeartbeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		ctx, leave := context.WithTimeout(t.Context(), time.Minute+time.Second)
		defer leave()
		w, done := f.open(ctx, "waiting")
		<-done
		if n := strings.Count(w.text(), ": still here\n\n"); n != 4 {
			t.Errorf("%d heartbeats in a minute: %q", n, w.text())
		}
		if reads := f.store.reads.Load(); reads > 70 {
			t.Errorf("%d reads in a minute", reads)
		}
	})
}

func TestEventsOfARecordThatExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		w, done := f.open(t.Context(), "waiting")
		time.Sleep(time.Second)
		f.store.mu.Lock()
		delete(f.store.records, "waiting")
		f.store.mu.Unlock()
		<-done
		events := parseEvents(w.text())
		if last := events[len(events)-1]; last.kind != "gone" || !strings.Contains(last.data, slugUnknownJob) {
			t.Errorf("events %+v", events)
		}
	})
}

func TestEventsWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		w, done := f.open(t.Context(), "waiting")
		time.Sleep(5 * time.Second)
		f.store.fail(errDown)
		time.Sleep(time.Minute)
		f.store.fail(nil)
		f.store.put(record("waiting", results.Succeeded))
		<-done
		if got := kinds(parseEvents(w.text())); !slices.Equal(got, []string{"state queued", "state succeeded", "end succeeded"}) {
			t.Errorf("events %q", got)
		}
		if n := strings.Count(f.logs.String(), "can't be read"); n != 1 {
			t.Errorf("said %d times that the store is down", n)
		}
	})
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		start := time.Now()
		resp := f.do(request("GET", "/jobs/waiting?wait=20s", ""))
		if took := time.Since(start); took != 20*time.Second || !strings.Contains(resp.body, `"state":"queued"`) {
			t.Errorf("after %v: %s", took, resp.body)
		}
		go func() {
			time.Sleep(5 * time.Second)
			f.store.put(record("waiting", results.Succeeded))
		}()
		start = time.Now()
		resp = f.do(request("GET", "/jobs/waiting?wait=1m", ""))
		if took := time.Since(start); took < 5*time.Second || took > 6*time.Second || !strings.Contains(resp.body, `"state":"succeeded"`) {
			t.Errorf("after %v: %s", took, resp.body)
		}
	})
}

func TestOneReaderForAllWhoWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var all []chan struct{}
		for range 50 {
			_, done := f.open(t.Context(), "waiting")
			all = append(all, done)
			synctest.Wait()
		}
		before := f.store.reads.Load()
		if before > 1 {
			t.Errorf("%d reads to open 50 streams of one job", before)
		}
		time.Sleep(20 * time.Second)
		if reads := f.store.reads.Load() - before; reads > 25 {
			t.Errorf("%d reads in 20 s", reads)
		}
		f.store.put(record("waiting", results.Succeeded))
		for _, done := range all {
			<-done
		}
		before = f.store.reads.Load()
		time.Sleep(time.Minute)
		if reads := f.store.reads.Load() - before; reads > 0 {
			t.Errorf("%d reads while nobody watches", reads)
		}
	})
}

func TestReadsArePaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.StoreReads = 20 })
		ctx, leave := context.WithCancel(t.Context())
		var all []chan struct{}
		for i := range 100 {
			id := "job" + strconv.Itoa(i)
			f.store.put(record(id, results.Running))
			_, done := f.open(ctx, id)
			all = append(all, done)
		}
		synctest.Wait()
		before := f.store.reads.Load()
		time.Sleep(10 * time.Second)
		if reads := f.store.reads.Load() - before; reads < 180 || reads > 201 {
			t.Errorf("%d reads in 10 s, want 20 a second", reads)
		}
		// Each gets its turn.
		for i := range 100 {
			f.store.put(record("job"+strconv.Itoa(i), results.Succeeded))
		}
		time.Sleep(6 * time.Second)
		for i, done := range all {
			select {
			case <-done:
			default:
				t.Errorf("stream %d did not learn of the end", i)
			}
		}
		leave()
	})
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		_, streaming := f.open(t.Context(), "waiting")
		waited := make(chan reply, 1)
		go func() { waited <- f.do(request("GET", "/jobs/running?wait=1m", "")) }()
		synctest.Wait()
		start := time.Now()
		if err := f.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := f.Shutdown(t.Context()); err != nil {
			t.Fatal("again:", err)
		}
		<-streaming
		if resp := <-waited; resp.status != 200 || !strings.Contains(resp.body, `"state":"running"`) {
			t.Errorf("status %d: %s", resp.status, resp.body)
		}
		if time.Since(start) > 0 {
			t.Errorf("it took %v", time.Since(start))
		}
		wantProblem(t, f.do(request("GET", "/jobs/waiting/events", "")), 503, slugShuttingDown)
		wantProblem(t, f.do(request("GET", "/jobs/waiting?wait=1s", "")), 503, slugShuttingDown)
		wantProblem(t, f.do(request("GET", "/readyz", "")), 503, slugShuttingDown)
		if resp := f.do(request("POST", "/tasks/sessions.cleanup", "{}")); resp.status != http.StatusAccepted {
			t.Errorf("status %d of a request that came late", resp.status)
		}
	}) // the bubble checks that no goroutine is left
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.MaxStreams = 2 })
		ctx, leave := context.WithCancel(t.Context())
		_, one := f.open(ctx, "waiting")
		_, two := f.open(ctx, "running")
		synctest.Wait()
		wantProblem(t, f.do(request("GET", "/jobs/waiting/events", "")), 503, slugTooManyStreams)
		leave()
		<-one
		<-two
		if resp := f.do(request("GET", "/jobs/finished/events", "")); resp.status != 200 {
			t.Errorf("status %d when there is room again", resp.status)
		}
	})
}
