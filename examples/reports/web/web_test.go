package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/examples/reports"
	"github.com/coretasks/core/httpapi"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/sqlitestore"
	"github.com/coretasks/core/tasks"
	"github.com/coretasks/core/taskstest"
)

// A fixture is the application on a queue in memory, a store in a file, and a directory with nothing in it yet.
type fixture struct {
	t     *testing.T
	app   http.Handler
	queue *taskstest.Queue
	store results.Store
	dir   string
}

func newFixture(t *testing.T, edits ...func(*Config)) *fixture {
	t.Helper()
	dir := t.TempDir()
	store, err := sqlitestore.Open(filepath.Join(dir, "results.db"), sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	f := &fixture{t: t, store: store, dir: dir, queue: taskstest.New(t, reports.Registry(dir))}
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	api, err := httpapi.New(httpapi.Config{Registry: reports.Registry(dir), Sender: f.queue, Store: store, Token: "s3cret", Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Queue: results.Track(f.queue, store, logger), Store: store, Jobs: api, Dir: dir, Logger: logger}
	for _, edit := range edits {
		edit(&cfg)
	}
	if f.app, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return f
}

// do sends a request as a browser on this machine does. Headers are "Name: value".
func (f *fixture) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequestWithContext(f.t.Context(), method, target, strings.NewReader(body))
	r.RemoteAddr, r.Host = "127.0.0.1:4000", "localhost:8000"
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
		if name == "Host" {
			r.Host = value
		}
		if name == "Remote" {
			r.RemoteAddr = value
		}
	}
	w := httptest.NewRecorder()
	f.app.ServeHTTP(w, r)
	return w
}

const (
	asJSON = "Content-Type: application/json"
	asForm = "Content-Type: application/x-www-form-urlencoded"
)

// put records a job in a state, with a report of a user in a file.
func (f *fixture) put(id, task string, state results.State, result any) {
	f.t.Helper()
	raw, err := json.Marshal(result)
	if err != nil {
		f.t.Fatal(err)
	}
	_, err = f.store.Start(f.t.Context(), results.Start{ID: id, Task: task, Queue: "default", Attempt: 1, At: time.Now()})
	if err == nil && state != results.Running {
		err = f.store.End(f.t.Context(), results.End{ID: id, Task: task, Queue: "default", Attempt: 1, State: state, Result: raw, Error: "secret", RetryAt: time.Now()})
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) write(path string) string {
	f.t.Helper()
	path = filepath.Join(f.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("<!doctype html><p>a report</p>"), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

func wantFailure(t *testing.T, w *httptest.ResponseRecorder, status int, words string) {
	t.Helper()
	var got failure
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != status || !strings.Contains(got.Error, words) {
		t.Errorf("%d %s, want %d as JSON with an error of %q", w.Code, w.Body, status, words)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body    string
		headers []string
		want    reports.Params
	}{
		"JSON":         {`{"report_type": "monthly"}`, []string{asJSON}, reports.Params{UserID: 1, ReportType: "monthly"}},
		"slowly":       {`{"report_type": "daily", "slowly": true}`, []string{asJSON + "; charset=utf-8"}, reports.Params{UserID: 1, ReportType: "daily", Slowly: true}},
		"form":         {"report_type=yearly", []string{asForm}, reports.Params{UserID: 1, ReportType: "yearly"}},
		"form, slowly": {"report_type=yearly&slowly=on", []string{asForm}, reports.Params{UserID: 1, ReportType: "yearly", Slowly: true}},
		"another user": {`{"report_type": "monthly"}`, []string{asJSON, "Cookie: report_user=3"}, reports.Params{UserID: 3, ReportType: "monthly"}},
		"a bad cookie": {`{"report_type": "monthly"}`, []string{asJSON, "Cookie: report_user=99"}, reports.Params{UserID: 1, ReportType: "monthly"}},
		"its own page": {`{"report_type": "monthly"}`, []string{asJSON, "Sec-Fetch-Site: same-origin"}, reports.Params{UserID: 1, ReportType: "monthly"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			w := f.do(http.MethodPost, "/reports/generate", tt.body, tt.headers...)
			var got accepted
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusAccepted {
				t.Fatalf("%d %s: %v", w.Code, w.Body, err)
			}
			id := got.JobID
			if want := (accepted{id, "/reports/" + id + "/status", "/reports/" + id + "/events", "/reports/" + id + "/cancel", "/reports/" + id}); id == "" || got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
			if record, err := f.store.Get(t.Context(), id); err != nil || record.State != results.Queued {
				t.Errorf("record %+v, %v, want a queued job", record, err)
			}
			sent := taskstest.Enqueued(t, f.queue, reports.Generate)
			if len(sent) != 1 || sent[0].Params != tt.want {
				t.Errorf("enqueued %+v, want %+v", sent, tt.want)
			}
		})
	}
}

type deafQueue struct{}

func (deafQueue) Send(_ context.Context, msgs []tasks.Message) []error {
	errs := make([]error, len(msgs))
	for i := range errs {
		errs[i] = errors.New("no queue")
	}
	return errs
}

func TestGenerateRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body    string
		headers []string
		status  int
		words   string
	}{
		"unknown type":     {`{"report_type": "weekly"}`, []string{asJSON}, 400, "daily, monthly, yearly"},
		"no type":          {`{}`, []string{asJSON}, 400, "unknown report type"},
		"an empty form":    {"", []string{asForm}, 400, "unknown report type"},
		"a broken form":    {"report_type=%zz", []string{asForm}, 400, "form"},
		"no JSON":          {"monthly", []string{asJSON}, 400, "body"},
		"two values":       {`{"report_type": "monthly"}{}`, []string{asJSON}, 400, "more than one"},
		"another's report": {`{"report_type": "monthly", "user_id": 2}`, []string{asJSON}, 400, "user_id"},
		"no content type":  {`{"report_type": "monthly"}`, nil, 415, "application/json"},
		"text":             {`{"report_type": "monthly"}`, []string{"Content-Type: text/plain"}, 415, "application/json"},
		"too large":        {strings.Repeat(" ", maxBody+1), []string{asJSON}, 413, "larger"},
		"another site":     {`{"report_type": "monthly"}`, []string{asJSON, "Sec-Fetch-Site: cross-site"}, 403, "other sites"},
		"an old browser":   {`{"report_type": "monthly"}`, []string{asJSON, "Origin: https://evil.example"}, 403, "other sites"},
		"a rebound name":   {`{"report_type": "monthly"}`, []string{asJSON, "Host: evil.example:8000"}, 403, "only on the machine"},
		"from afar":        {`{"report_type": "monthly"}`, []string{asJSON, "Remote: 203.0.113.9:4000"}, 403, "only on the machine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			wantFailure(t, f.do(http.MethodPost, "/reports/generate", tt.body, tt.headers...), tt.status, tt.words)
			if sent := taskstest.Enqueued(t, f.queue, reports.Generate); len(sent) > 0 {
				t.Errorf("enqueued %+v all the same", sent)
			}
		})
	}
	w := newFixture(t, func(c *Config) { c.Queue = deafQueue{} }).do(http.MethodPost, "/reports/generate", `{"report_type": "daily"}`, asJSON)
	wantFailure(t, w, http.StatusServiceUnavailable, "queue")
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const task = "reports.generate"
	mine, elsewhere := f.write("reports/monthly-1-mine.html"), f.write("elsewhere.html")
	if err := os.Symlink(elsewhere, filepath.Join(f.dir, "reports", "link.html")); err != nil {
		t.Fatal(err)
	}
	f.put("mine", task, results.Succeeded, reports.Report{File: mine, UserID: 1})
	f.put("theirs", task, results.Succeeded, reports.Report{File: mine, UserID: 2})
	f.put("outside", task, results.Succeeded, reports.Report{File: elsewhere, UserID: 1})
	f.put("around", task, results.Succeeded, reports.Report{File: f.dir + "/reports/../elsewhere.html", UserID: 1})
	f.put("linked", task, results.Succeeded, reports.Report{File: f.dir + "/reports/link.html", UserID: 1})
	f.put("directory", task, results.Succeeded, reports.Report{File: f.dir + "/reports", UserID: 1})
	f.put("missing", task, results.Succeeded, reports.Report{File: f.dir + "/reports/missing.html", UserID: 1})
	f.put("no-path", task, results.Succeeded, reports.Report{UserID: 1})
	f.put("dead", task, results.Dead, nil)
	f.put("cancelled", task, results.Cancelled, nil)
	f.put("running", task, results.Running, nil)
	f.put("retrying", task, results.Retrying, nil)
	f.put("other-task", "reports.email", results.Succeeded, reports.Report{File: mine, UserID: 1})

	for _, id := range []string{"theirs", "outside", "around", "linked", "directory", "missing", "no-path", "dead", "cancelled", "other-task", "unknown",
		"generate", "..%2Felsewhere", url.PathEscape(strings.Repeat("x", 600)), "%FF", "%00"} {
		w := f.do(http.MethodGet, "/reports/"+id, "")
		wantFailure(t, w, http.StatusNotFound, "no such report")
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s tells why it failed", id)
		}
	}
	for _, id := range []string{"running", "retrying"} {
		w := f.do(http.MethodGet, "/reports/"+id, "")
		wantFailure(t, w, http.StatusConflict, "not finished")
		if w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"state":"`+id+`"`) {
			t.Errorf("%v %s, want Retry-After and the state", w.Header(), w.Body)
		}
	}
	for query, disposition := range map[string]string{"": "inline", "?download=1": "attachment"} {
		w := f.do(http.MethodGet, "/reports/mine"+query, "")
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "a report") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		for name, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": reportCSP,
			"Content-Disposition": disposition + "; filename=monthly-1-mine.html",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
	wantFailure(t, f.do(http.MethodGet, "/reports/mine", "", "Cookie: report_user=2"), http.StatusNotFound, "no such report")
	if w := f.do(http.MethodGet, "/reports/theirs", "", "Cookie: report_user=2"); w.Code != http.StatusOK {
		t.Errorf("%d %s for its user", w.Code, w.Body)
	}
}

// From the order to the file, with the task's own result.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.User = func(*http.Request) int64 { return 2 } })
	w := f.do(http.MethodPost, "/reports/generate", `{"report_type": "yearly"}`, asJSON, "Host: shop.example.com", "Remote: 203.0.113.9:4000")
	var job accepted
	if err := json.Unmarshal(w.Body.Bytes(), &job); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, f.do(http.MethodGet, job.DownloadURL, ""), http.StatusConflict, "not finished")
	result, err := taskstest.Run(t, reports.Registry(f.dir), reports.Generate, taskstest.Enqueued(t, f.queue, reports.Generate)[0].Params)
	if err != nil {
		t.Fatal(err)
	}
	f.put(job.JobID, "reports.generate", results.Succeeded, result)
	if w := f.do(http.MethodGet, job.DownloadURL, ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Ben Okafor") {
		t.Errorf("%d %.200s, want the report of the second user", w.Code, w.Body)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	w := f.do(http.MethodGet, "/", "", "Cookie: report_user=3")
	page := w.Body.String()
	for _, want := range []string{`data-user="3"`, `value="3" selected`, "Chiara Rossi", "Sales by product", asset("page.js"), asset("page.css")} {
		if w.Code != http.StatusOK || !strings.Contains(page, want) {
			t.Errorf("%d, the page lacks %s", w.Code, want)
		}
	}
	if got := w.Header().Get("Content-Security-Policy"); got != pageCSP {
		t.Errorf("Content-Security-Policy %q", got)
	}
	for name, want := range map[string]string{"page.js": "text/javascript", "page.css": "text/css", "icon.svg": "image/svg+xml"} {
		if w := f.do(http.MethodGet, asset(name), ""); w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), want) {
			t.Errorf("%s: %d %s", name, w.Code, w.Header().Get("Content-Type"))
		}
	}
	for _, target := range []string{"/static/page.go", "/static/..%2Fpage.html", "/favicon.ico"} {
		wantFailure(t, f.do(http.MethodGet, target, ""), http.StatusNotFound, "nothing")
	}
}

func TestChooseUser(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	w := f.do(http.MethodPost, "/user", "user=4", asForm)
	if got := w.Header().Get("Set-Cookie"); w.Code != http.StatusSeeOther || !strings.HasPrefix(got, "report_user=4; ") || !strings.Contains(got, "SameSite=Strict") {
		t.Errorf("%d, cookie %q", w.Code, got)
	}
	for _, body := range []string{"user=5", "user=x", "", "user=" + strings.Repeat("1", 2*maxBody)} {
		wantFailure(t, f.do(http.MethodPost, "/user", body, asForm), http.StatusBadRequest, "no such user")
	}
	signedIn := newFixture(t, func(c *Config) { c.User = func(*http.Request) int64 { return 2 } })
	wantFailure(t, signedIn.do(http.MethodPost, "/user", "user=1", asForm), http.StatusNotFound, "nothing")
	if page := signedIn.do(http.MethodGet, "/", "").Body.String(); strings.Contains(page, "Signed in as") {
		t.Error("the page offers to be another user, where a sign-in decides")
	}
}

func TestNewNeedsAll(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{{}, {Queue: deafQueue{}}, {Queue: deafQueue{}, Dir: "x"}, {Queue: deafQueue{}, Store: newFixture(t).store, Dir: "x"}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("New(%+v) succeeds", cfg)
		}
	}
}

// The API has a token, which a browser has not: a user follows and cancels what is theirs, and nothing else, at the
// application's own addresses.
func TestFollow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	order := func() accepted {
		var job accepted
		w := f.do(http.MethodPost, "/reports/generate", `{"report_type": "yearly"}`, asJSON, "Cookie: report_user=2")
		if err := json.Unmarshal(w.Body.Bytes(), &job); err != nil {
			t.Fatal(err)
		}
		return job
	}
	done, waiting := order(), order()
	f.put(done.JobID, "reports.generate", results.Succeeded, reports.Report{UserID: 2})
	f.put("elsewhere", "reports.generate", results.Running, nil) // enqueued by something else: nobody's order
	mine := "Cookie: report_user=2"
	for _, tt := range []struct {
		name, method, target, words string
		status                      int
	}{
		{"record", http.MethodGet, waiting.StatusURL, `"state":"queued"`, 200},
		{"events", http.MethodGet, done.EventsURL, "event: end", 200},
		{"cancel", http.MethodPost, waiting.CancelURL, `"state":"cancelled"`, 202},
		{"cancel what is finished", http.MethodPost, done.CancelURL, "finished", 409},
		{"a followed link does not cancel", http.MethodGet, waiting.CancelURL, "nothing", 404},
		{"not ordered here", http.MethodGet, "/reports/elsewhere/status", "no such report", 404},
		{"unknown", http.MethodGet, "/reports/unknown/events", "no such report", 404},
		{"leading out", http.MethodGet, "/reports/..%2F..%2Fsales/status", "no such report", 404},
		{"too long", http.MethodGet, "/reports/" + strings.Repeat("x", 600) + "/status", "no such report", 404},
	} {
		w := f.do(tt.method, tt.target, "", mine)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.words) {
			t.Errorf("%s: %d %s, want %d with %q", tt.name, w.Code, w.Body, tt.status, tt.words)
		}
	}
	for _, target := range []string{done.StatusURL, done.EventsURL} {
		wantFailure(t, f.do(http.MethodGet, target, "", "Cookie: report_user=3"), http.StatusNotFound, "no such report")
	}
	wantFailure(t, f.do(http.MethodPost, done.CancelURL, ""), http.StatusNotFound, "no such report")
	wantFailure(t, f.do(http.MethodPost, done.CancelURL, "", mine, "Sec-Fetch-Site: cross-site"), http.StatusForbidden, "other sites")
	if err := os.RemoveAll(filepath.Join(f.dir, "orders")); err != nil {
		t.Fatal(err)
	}
	f.write("orders")
	wantFailure(t, f.do(http.MethodPost, "/reports/generate", `{"report_type": "daily"}`, asJSON), http.StatusInternalServerError, "can't be shown")
}
