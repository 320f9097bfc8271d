package cli_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coretasks/core/internal/mainjob"
)

// api is the address of the HTTP API in a world.
func api(t *testing.T, w *mainjob.World) string {
	t.Helper()
	for _, v := range w.Env {
		if addr, ok := strings.CutPrefix(v, "CORE_ADDR="); ok {
			return "http://" + addr
		}
	}
	t.Fatal("the world has no CORE_ADDR")
	return ""
}

// get asks for something and returns the answer's status and lines.
func get(t *testing.T, url, lastEvent string) (status int, lines *bufio.Scanner) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if lastEvent != "" {
		req.Header.Set("Last-Event-ID", lastEvent)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp.StatusCode, bufio.NewScanner(resp.Body)
}

// TestTheResultsFileIsRemoved under a running dev: jobs go on, it is said once, and everything works with a new file.
func TestTheResultsFileIsRemoved(t *testing.T) {
	t.Parallel()
	w := mainjob.New(t)
	dev := w.Start(t, "Stop with Ctrl-C", "dev")
	early := w.Must(t, "enqueue", "note", `{"text":"early"}`, "--wait", "--timeout", "30s")
	if early != `"early"` {
		t.Fatalf("the result is %s", early)
	}
	id := w.Must(t, "enqueue", "note", `{"text":"in the middle","millis":3000}`)
	mainjob.Await(t, "the job runs", func() bool { return w.Count(t, "start") == 2 })
	if err := os.Remove(filepath.Join(w.Dir, "jobs.db")); err != nil {
		t.Fatal(err)
	}
	// The log of the old file lies there still.
	if code, _, stderr := w.Run(t, "", "doctor"); code != 0 {
		t.Errorf("doctor: %d, %s", code, stderr)
	}
	w.Must(t, "jobs", "list")
	mainjob.Await(t, "the job has ended", func() bool { return w.Count(t, "end") == 2 })
	mainjob.Await(t, "its record says so", func() bool {
		code, stdout, _ := w.Run(t, "", "jobs", "get", id)
		return code == 0 && strings.Contains(stdout, "succeeded") && strings.Contains(stdout, `"in the middle"`)
	})
	if list := w.Must(t, "jobs", "list", "--output", "json"); strings.Count(list, `"state"`) != 1 {
		t.Errorf("the list has not just one job:\n%s", list)
	}
	if n := strings.Count(dev.Text(), "removed or replaced while in use"); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, dev.Text())
	}
	if status, _ := get(t, api(t, w)+"/readyz", ""); status != http.StatusOK {
		t.Errorf("readyz: %d", status)
	}
}

// An event of a stream.
type event struct {
	kind, id string
	data     struct {
		State    string  `json:"state"`
		Progress float64 `json:"progress"`
	}
}

// next reads a stream's next event, or returns false where it was cut.
func next(t *testing.T, lines *bufio.Scanner) (e event, ok bool) {
	t.Helper()
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event":
			e.kind = value
		case name == "id":
			e.id = value
		case name == "data":
			if err := json.Unmarshal([]byte(value), &e.data); err != nil {
				t.Fatal(err)
			}
		case name == "" && value == "" && e.kind != "":
			return e, true
		}
	}
	return e, false
}

// TestRunIsKilledWhileAClientStreams: the worker lives, and a client that comes back with the last ID it has seen goes on
// where it was, also where the job ended meanwhile.
func TestRunIsKilledWhileAClientStreams(t *testing.T) {
	t.Parallel()
	for name, millis := range map[string]int{"the job still runs": 8000, "the job has ended": 2000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := mainjob.New(t)
			w.Start(t, "serving SQS", "local")
			w.Must(t, "queues", "apply")
			w.Start(t, "worker started", "worker", "--shutdown-timeout", "4s")
			run := w.Start(t, "serving", "run")
			id := w.Must(t, "enqueue", "note", fmt.Sprintf(`{"text":"long","millis":%d}`, millis))
			events := api(t, w) + "/jobs/" + id + "/events"
			_, lines := get(t, events, "")
			var last event
			for last.kind != "progress" {
				e, ok := next(t, lines)
				if !ok || e.kind == "end" {
					t.Fatalf("no progress came, last %+v", e)
				}
				last = e
			}
			run.Kill()
			for {
				e, ok := next(t, lines)
				if !ok {
					break
				}
				last = e
			}
			if millis < 5000 {
				mainjob.Await(t, "the job has ended", func() bool { return strings.Contains(w.Must(t, "jobs", "get", id), "succeeded") })
			}
			w.Start(t, "serving", "run")
			_, lines = get(t, events, last.id)
			for last.kind != "end" {
				e, ok := next(t, lines)
				if !ok || e.data.State != "succeeded" && e.data.Progress < last.data.Progress {
					t.Fatalf("after %+v came %+v, %v", last, e, ok)
				}
				last = e
			}
			if last.data.State != "succeeded" {
				t.Errorf("the end is %+v", last)
			}
			if status, _ := get(t, events, last.id); status != http.StatusNoContent {
				t.Errorf("a client that has seen the end gets %d", status)
			}
		})
	}
}

// TestDevIsKilledInTheMiddleOfJobs: the next one takes them over, and their records end as they should.
func TestDevIsKilledInTheMiddleOfJobs(t *testing.T) {
	t.Parallel()
	w := mainjob.New(t)
	dev := w.Start(t, "Stop with Ctrl-C", "dev", "--concurrency", "3")
	var ids []string
	for i := range 3 {
		ids = append(ids, w.Must(t, "enqueue", "note", fmt.Sprintf(`{"text":"%d","millis":6000}`, i)))
	}
	get := func(id string) string { return w.Must(t, "jobs", "get", id) }
	mainjob.Await(t, "all have made progress", func() bool {
		for _, id := range ids {
			if !strings.Contains(get(id), "of 10") {
				return false
			}
		}
		return true
	})
	dev.Kill()
	if w.Count(t, "end") > 0 {
		t.Fatal("it was killed too late to prove anything")
	}
	for _, id := range ids { // whoever asks meanwhile gets an answer
		if r := get(id); !strings.Contains(r, "running") || !strings.Contains(r, "of 10") {
			t.Errorf("after the kill:\n%s", r)
		}
	}
	w.Start(t, "Stop with Ctrl-C", "dev", "--concurrency", "3")
	mainjob.Await(t, "all have ended", func() bool { return w.Count(t, "end") == 3 })
	for i, id := range ids {
		mainjob.Await(t, "its record says so", func() bool { return strings.Contains(get(id), "succeeded") })
		if r := get(id); !strings.Contains(r, fmt.Sprintf(`"%d"`, i)) || !strings.Contains(r, "attempt") {
			t.Errorf("the record of job %d:\n%s", i, r)
		}
	}
}
