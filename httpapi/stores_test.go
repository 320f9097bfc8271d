package httpapi

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/sqlitestore"
	"github.com/coretasks/core/tasks"
)

// One job from its POST to the end of its stream, with a store of the project's own.
func TestWithSQLite(t *testing.T) {
	t.Parallel()
	store, err := sqlitestore.Open(filepath.Join(t.TempDir(), "results.db"), sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	f := newFixture(t, func(c *Config) { c.Store = store })
	_, url := f.serveOn(t)

	resp, err := http.Post(url+"/tasks/reports.generate", "application/json", strings.NewReader(`{"user_id": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	var job tasks.Job
	err = json.NewDecoder(resp.Body).Decode(&job)
	_ = resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	stream, err := http.Get(url + resp.Header.Get("Location") + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Body.Close() }()

	ctx, now := t.Context(), func() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
	step := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(1200 * time.Millisecond) // longer than the longest time between two reads
	}
	step(nil)
	_, err = store.Start(ctx, results.Start{ID: job.ID, Task: job.Task, Queue: job.Queue, Attempt: 1, EnqueuedAt: now(), At: now()})
	step(err)
	step(store.Progress(ctx, job.ID, 1, 0.5, "half", now()))
	if resp := f.do(request("POST", "/jobs/"+job.ID+"/cancel", "")); resp.status != http.StatusAccepted || !strings.Contains(resp.body, `"cancel_requested":true`) {
		t.Errorf("status %d: %s", resp.status, resp.body)
	}
	step(nil)
	step(store.End(ctx, results.End{ID: job.ID, Attempt: 1, State: results.Succeeded, At: now(), Result: json.RawMessage(`{"pages":3}`)}))

	text, err := io.ReadAll(stream.Body)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"state queued", "state running", "progress running", "state running", "state succeeded", "end succeeded"}
	if got := kinds(parseEvents(string(text))); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	wantProblem(t, f.do(request("POST", "/jobs/"+job.ID+"/cancel", "")), http.StatusConflict, slugFinished)
	wantProblem(t, f.do(request("GET", "/jobs/nope", "")), http.StatusNotFound, slugUnknownJob)
	wantProblem(t, f.do(request("GET", "/jobs?cursor=nonsense", "")), http.StatusBadRequest, slugInvalidRequest)
	if resp := f.do(request("GET", "/jobs?task=reports.generate&state=succeeded", "")); !strings.Contains(resp.body, job.ID) {
		t.Errorf("listing %s", resp.body)
	}
	if resp := f.do(request("GET", "/readyz", "")); resp.status != http.StatusOK {
		t.Errorf("readyz %d: %s", resp.status, resp.body)
	}
}
