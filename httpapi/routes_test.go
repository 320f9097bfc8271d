package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

func TestEnqueue(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	resp := f.do(request("POST", "/tasks/reports.generate?countdown=90s", `{"user_id": 7, "report_type": "<monthly>"}`))
	var job tasks.Job
	if err := json.Unmarshal([]byte(resp.body), &job); err != nil || resp.status != http.StatusAccepted {
		t.Fatalf("status %d, %v", resp.status, err)
	}
	if job.Task != "reports.generate" || job.Queue != "default" || resp.header.Get("Location") != "/jobs/"+job.ID {
		t.Errorf("job %+v, Location %q", job, resp.header.Get("Location"))
	}
	sent := f.sender.last()
	if sent.Delay != 90*time.Second || sent.Envelope.ID != job.ID || string(sent.Envelope.Params) != `{"user_id": 7, "report_type": "<monthly>"}` {
		t.Errorf("sent %+v", sent)
	}
	var r results.Record
	if err := json.Unmarshal([]byte(f.do(request("GET", "/jobs/"+job.ID, "")).body), &r); err != nil || r.State != results.Queued {
		t.Errorf("record %+v, %v", r, err)
	}
}

// A client that can't know whether its job was taken is told so, and under which ID it may ask again.
func TestEnqueueWithUnknownOutcome(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.sender.err = fmt.Errorf("%w: reset", tasks.ErrUnknownOutcome)
	p := wantProblem(t, f.do(request("POST", "/tasks/reports.generate", `{}`)), http.StatusServiceUnavailable, slugUnknownOutcome)
	if p.JobID == "" || !strings.Contains(p.Detail, "job_id="+p.JobID) {
		t.Errorf("job %q, %s", p.JobID, p.Detail)
	}
	f.sender.err = nil
	resp := f.do(request("POST", "/tasks/reports.generate?job_id="+p.JobID, `{}`))
	if resp.status != http.StatusAccepted || f.sender.last().Envelope.ID != p.JobID {
		t.Errorf("status %d, sent %+v", resp.status, f.sender.last())
	}
}

func TestEnqueueWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.store.fail(errDown)
	if resp := f.do(request("POST", "/tasks/sessions.cleanup", `{}`)); resp.status != http.StatusAccepted {
		t.Errorf("status %d: %s", resp.status, resp.body)
	}
	if f.sender.last().Queue != "low" {
		t.Errorf("sent %+v", f.sender.last())
	}
}

// TestParametersThatPanic ends no connection.
func TestParametersThatPanic(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) {
		c.Registry = tasks.NewRegistry(tasks.Define("dated", func(context.Context, struct{ Due date }) (int, error) { return 0, nil }))
	})
	for _, due := range []string{`5`, `"goexit"`} {
		p := wantProblem(t, f.do(request("POST", "/tasks/dated", `{"due":`+due+`}`)), http.StatusBadRequest, slugInvalidParams)
		if len(p.Errors) != 1 || p.Errors[0].Field != "Due" || !strings.HasPrefix(p.Errors[0].Message, "must be what httpapi.date reads (panic: ") {
			t.Errorf("errors %+v", p.Errors)
		}
	}
	if resp := f.do(request("POST", "/tasks/dated", `{"due":"2026-01-02"}`)); resp.status != http.StatusAccepted {
		t.Errorf("status %d: %s", resp.status, resp.body)
	}
}

// date reads itself in a way that is often seen.
type date string

func (d *date) UnmarshalJSON(b []byte) error {
	if *d = date(b[1 : len(b)-1]); *d == "goexit" {
		runtime.Goexit()
	}
	return nil
}

func TestInvalidParameters(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		query, body, field, message string
		slug                        string
	}{
		"type":           {body: `{"user_id":"x"}`, field: "user_id", message: "must be a whole number, not a JSON string"},
		"nested":         {body: `{"items":[{"price":"x"}]}`, field: "items.0.price", message: "must be a number, not a JSON string"},
		"unknown":        {body: `{"user":1}`, field: "user", message: "is not a parameter of this task; it has user_id, report_type, items, labels, since, limit, tree"},
		"null":           {body: `{"user_id":null}`, field: "user_id", message: "must be a whole number, not a JSON null"},
		"nested null":    {body: `{"items":[{},{"price":null}]}`, field: "items.1.price", message: "must be a number, not a JSON null"},
		"null in a map":  {body: `{"labels":{"a":null}}`, field: "labels.a", message: "must be a string, not a JSON null"},
		"null in itself": {body: `{"tree":{"next":{"name":null}}}`, field: "tree.next.name", message: "must be a string, not a JSON null"},
		"null for all":   {body: `null`, message: "must be an object, not a JSON null"},
		"array":          {body: `[]`, message: "must be an object, not a JSON array"},
		"syntax":         {body: `{"user_id":`, message: "not valid JSON: it ends too early"},
		"more text":      {body: `{} {}`, message: "there is more text behind the JSON value"},
		"too large":      {body: `{"limit":256}`, field: "limit", message: "is out of range: it must be a whole number from 0 to 255"},
		"twice in it":    {body: `{"user_id":1,"USER_ID":2}`, field: "user_id", message: "is given twice (letter case does not tell members apart)"},
		"a time":         {body: `{"since":"2026-01-01"}`, field: "since", message: "must be a time as RFC 3339 has it, such as 2026-01-02T15:04:05Z (parsing time \"2026-01-01\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"T\")"},
		"countdown":      {query: "?countdown=soon", body: `{}`, field: "countdown", message: `"soon" is not a duration, such as 60s or 10m`, slug: slugInvalidRequest},
		"negative":       {query: "?countdown=-1s", body: `{}`, field: "countdown", message: tasks.ErrInvalidCountdown.Error(), slug: slugInvalidRequest},
		"too long":       {query: "?countdown=8761h", body: `{}`, field: "countdown", message: tasks.ErrInvalidCountdown.Error(), slug: slugInvalidRequest},
		"misspelt":       {query: "?contdown=1s", body: `{}`, field: "contdown", message: "is not a parameter of this request; it has countdown, job_id", slug: slugInvalidRequest},
		"job id":         {query: "?job_id=a%20b", body: `{}`, field: "job_id", message: tasks.ErrInvalidJobID.Error(), slug: slugInvalidRequest},
		"no job id":      {query: "?job_id=", body: `{}`, field: "job_id", message: tasks.ErrInvalidJobID.Error(), slug: slugInvalidRequest},
		"twice":          {query: "?countdown=1s&countdown=2s", body: `{}`, field: "countdown", message: "is given 2 times", slug: slugInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			slug := test.slug
			if slug == "" {
				slug = slugInvalidParams
			}
			p := wantProblem(t, f.do(request("POST", "/tasks/reports.generate"+test.query, test.body)), http.StatusBadRequest, slug)
			if len(p.Errors) != 1 || p.Errors[0] != (fieldError{test.field, test.message}) {
				t.Errorf("errors %+v, want %q %q", p.Errors, test.field, test.message)
			}
			if len(f.sender.sent) > 0 {
				t.Error("it was sent all the same")
			}
		})
	}
}

func TestNullsThatAreValues(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	body := `{"items":null,"labels":null,"limit":null,"tree":{"next":null,"all":[null]}}`
	if resp := f.do(request("POST", "/tasks/reports.generate", body)); resp.status != http.StatusAccepted {
		t.Errorf("status %d: %s", resp.status, resp.body)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	sendFails := func(err error) func(*Config) {
		return func(c *Config) { c.Sender.(*fakeSender).err = err }
	}
	storeDown := func(c *Config) { c.Store.(*fakeStore).err = errDown }
	noStore := func(c *Config) { c.Store = nil }
	small := func(c *Config) { c.MaxBody = 10 }
	sqsError := func(err error) error { return &sqsqueue.Error{Op: "send", Queue: "default", Err: err} }
	for name, test := range map[string]struct {
		method, target, body string
		headers              []string
		change               func(*Config)
		status               int
		slug                 string
	}{
		"no route":               {"GET", "/nothing", "", nil, nil, 404, slugNotFound},
		"root":                   {"GET", "/", "", nil, nil, 404, slugNotFound},
		"slash at the end":       {"GET", "/jobs/", "", nil, nil, 404, slugNotFound},
		"deeper":                 {"GET", "/jobs/a/b/c", "", nil, nil, 404, slugNotFound},
		"unknown task":           {"POST", "/tasks/nope", "{}", nil, nil, 404, slugUnknownTask},
		"odd task":               {"POST", "/tasks/a%2Fb", "{}", nil, nil, 404, slugUnknownTask},
		"enqueue by GET":         {"GET", "/tasks/reports.generate", "", nil, nil, 405, slugMethod},
		"delete a job":           {"DELETE", "/jobs/waiting", "", nil, nil, 405, slugMethod},
		"options":                {"OPTIONS", "/jobs", "", nil, nil, 405, slugMethod},
		"a form":                 {"POST", "/tasks/reports.generate", "a=b", []string{"Content-Type: application/x-www-form-urlencoded"}, nil, 415, slugMediaType},
		"plain text":             {"POST", "/tasks/reports.generate", "{}", []string{"Content-Type: text/plain"}, nil, 415, slugMediaType},
		"no content type":        {"POST", "/tasks/reports.generate", "", nil, nil, 415, slugMediaType},
		"another charset":        {"POST", "/tasks/reports.generate", "{}", []string{"Content-Type: application/json; charset=latin1"}, nil, 415, slugMediaType},
		"compressed":             {"POST", "/tasks/reports.generate", "{}", []string{"Content-Encoding: gzip"}, nil, 415, slugMediaType},
		"large body":             {"POST", "/tasks/reports.generate", `{"user_id": 1}`, nil, small, 413, slugTooLarge},
		"large message":          {"POST", "/tasks/reports.generate", `{}`, nil, sendFails(sqsError(&sqsqueue.TooLargeError{Size: 2, Limit: 1})), 413, slugTooLarge},
		"queue out of reach":     {"POST", "/tasks/reports.generate", `{}`, nil, sendFails(sqsError(sqsqueue.ErrUnreachable)), 503, slugQueueUnavailable},
		"queue missing":          {"POST", "/tasks/reports.generate", `{}`, nil, sendFails(sqsError(sqsqueue.ErrQueueMissing)), 503, slugQueueUnavailable},
		"queue closed":           {"POST", "/tasks/reports.generate", `{}`, nil, sendFails(sqsError(sqsqueue.ErrClosed)), 503, slugQueueUnavailable},
		"throttled":              {"POST", "/tasks/reports.generate", `{}`, nil, sendFails(errors.New("RequestThrottled")), 503, slugQueueUnavailable},
		"cancelled by the queue": {"POST", "/tasks/reports.generate", `{}`, nil, sendFails(context.Canceled), 503, slugQueueUnavailable},
		"job unknown":            {"GET", "/jobs/nope", "", nil, nil, 404, slugUnknownJob},
		"job unknown, waiting":   {"GET", "/jobs/nope?wait=1s", "", nil, nil, 404, slugUnknownJob},
		"job with a long id":     {"GET", "/jobs/" + long, "", nil, nil, 404, slugUnknownJob},
		"job with odd id":        {"GET", "/jobs/%00", "", nil, nil, 404, slugUnknownJob},
		"wait too long":          {"GET", "/jobs/waiting?wait=61s", "", nil, nil, 400, slugInvalidRequest},
		"wait negative":          {"GET", "/jobs/waiting?wait=-1s", "", nil, nil, 400, slugInvalidRequest},
		"wait for nothing":       {"GET", "/jobs/waiting?wait=", "", nil, nil, 400, slugInvalidRequest},
		"job, store down":        {"GET", "/jobs/waiting", "", nil, storeDown, 503, slugStoreUnavailable},
		"wait, store down":       {"GET", "/jobs/waiting?wait=1s", "", nil, storeDown, 503, slugStoreUnavailable},
		"job, no store":          {"GET", "/jobs/waiting", "", nil, noStore, 501, slugNoStore},
		"events unknown":         {"GET", "/jobs/nope/events", "", nil, nil, 404, slugUnknownJob},
		"events, query":          {"GET", "/jobs/waiting/events?a=b", "", nil, nil, 400, slugInvalidRequest},
		"events, store down":     {"GET", "/jobs/waiting/events", "", nil, storeDown, 503, slugStoreUnavailable},
		"events, no store":       {"GET", "/jobs/waiting/events", "", nil, noStore, 501, slugNoStore},
		"cancel unknown":         {"POST", "/jobs/nope/cancel", "", nil, nil, 404, slugUnknownJob},
		"cancel finished":        {"POST", "/jobs/finished/cancel", "", nil, nil, 409, slugFinished},
		"cancel, query":          {"POST", "/jobs/waiting/cancel?a=b", "", nil, nil, 400, slugInvalidRequest},
		"cancel, store down":     {"POST", "/jobs/waiting/cancel", "", nil, storeDown, 503, slugStoreUnavailable},
		"cancel, no store":       {"POST", "/jobs/waiting/cancel", "", nil, noStore, 501, slugNoStore},
		"list, bad state":        {"GET", "/jobs?state=sleeping", "", nil, nil, 400, slugInvalidRequest},
		"list, bad task":         {"GET", "/jobs?task=a%20b", "", nil, nil, 400, slugInvalidRequest},
		"list, bad limit":        {"GET", "/jobs?limit=101", "", nil, nil, 400, slugInvalidRequest},
		"list, limit 0":          {"GET", "/jobs?limit=0", "", nil, nil, 400, slugInvalidRequest},
		"list, bad cursor":       {"GET", "/jobs?cursor=x", "", nil, nil, 400, slugInvalidRequest},
		"list, odd query":        {"GET", "/jobs?%zz", "", nil, nil, 400, slugInvalidRequest},
		"list, store down":       {"GET", "/jobs", "", nil, storeDown, 503, slugStoreUnavailable},
		"list, no store":         {"GET", "/jobs", "", nil, noStore, 501, slugNoStore},
		"no queues":              {"GET", "/queues", "", nil, func(c *Config) { c.Queues = nil }, 501, slugNoQueues},
		"queues fail": {"GET", "/queues", "", nil, func(c *Config) {
			c.Queues = func(context.Context) ([]sqsqueue.Depth, error) { return nil, errDown }
		}, 503, slugQueueUnavailable},
		"not ready": {"GET", "/readyz", "", nil, storeDown, 503, slugNotReady},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(c *Config) {
				if test.change != nil {
					test.change(c)
				}
			})
			resp := f.do(request(test.method, test.target, test.body, test.headers...))
			p := wantProblem(t, resp, test.status, test.slug)
			if test.status == http.StatusMethodNotAllowed && resp.header.Get("Allow") == "" {
				t.Error("no Allow")
			}
			if strings.Contains(p.Detail, "10.1.2.3") != (name == "not ready") {
				t.Errorf("detail %q", p.Detail)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, target string
		status         int
		contains       string
	}{
		"job":           {"GET", "/jobs/finished", 200, `"state":"succeeded"`},
		"job, waited":   {"GET", "/jobs/finished?wait=20s", 200, `"result":"done"`},
		"no wait":       {"GET", "/jobs/waiting?wait=0s", 200, `"state":"queued"`},
		"periodic job":  {"GET", "/jobs/sessions.cleanup@2026-03-01T00:00:00Z", 200, `"state":"retrying"`},
		"escaped job":   {"GET", "/jobs/sessions.cleanup%402026-03-01T00%3A00%3A00Z", 200, `"state":"retrying"`},
		"cancel":        {"POST", "/jobs/waiting/cancel", 202, `"state":"cancelled"`},
		"list":          {"GET", "/jobs", 200, `"id":"finished"`},
		"list by state": {"GET", "/jobs?state=running&task=reports.generate&limit=5", 200, `{"records":[{"id":"running"`},
		"empty list":    {"GET", "/jobs?state=dead", 200, `{"records":[]}`},
		"page":          {"GET", "/jobs?limit=1", 200, `"next":"next"`},
		"queues":        {"GET", "/queues", 200, `{"queues":[{"queue":"default","waiting":3,"delayed":0,"in_flight":0,"dead":1,"oldest_seconds":null},{"queue":"low","missing":true`},
		"healthz":       {"GET", "/healthz?x=y", 200, `{"status":"ok"}`},
		"readyz":        {"GET", "/readyz", 200, `{"status":"ready"}`},
		"metrics":       {"GET", "/metrics", 200, "core_http_streams 0"},
		"openapi":       {"GET", "/openapi.json", 200, `"/tasks/reports.generate"`},
		"head":          {"HEAD", "/jobs", 200, ""},
		"head events":   {"HEAD", "/jobs/waiting/events", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp := newFixture(t).do(request(test.method, test.target, ""))
			if body := resp.body; resp.status != test.status || !strings.Contains(body, test.contains) {
				t.Errorf("status %d: %s, want %d with %s", resp.status, body, test.status, test.contains)
			}
			for _, h := range []string{"X-Request-Id", "X-Content-Type-Options", "Cache-Control"} {
				if resp.header.Get(h) == "" {
					t.Errorf("no %s", h)
				}
			}
		})
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if id := f.do(request("GET", "/healthz", "", "X-Request-Id: abc-1")).header.Get("X-Request-Id"); id != "abc-1" {
		t.Errorf("request id %q, want the client's", id)
	}
	if id := f.do(request("GET", "/healthz", "", "X-Request-Id: a b\x7f")).header.Get("X-Request-Id"); len(id) < 20 {
		t.Errorf("request id %q, want a new one", id)
	}
}

func TestPanicsAreHidden(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) {
		c.Queues = func(context.Context) ([]sqsqueue.Depth, error) { panic("secret") }
	})
	if p := wantProblem(t, f.do(request("GET", "/queues", "")), http.StatusInternalServerError, slugInternal); p.Detail != "" {
		t.Errorf("detail %q", p.Detail)
	}
	if !strings.Contains(f.logs.String(), "secret") {
		t.Error("the panic was not logged")
	}
}

func TestLogsHaveNoPayload(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.do(request("POST", "/tasks/reports.generate", `{"user_id":7,"report_type":"topsecret"}`))
	f.sender.err = errDown
	f.do(request("POST", "/tasks/reports.generate", `{"user_id":7,"report_type":"topsecret"}`))
	logs := f.logs.String()
	if strings.Contains(logs, "topsecret") || !strings.Contains(logs, "10.1.2.3") || !strings.Contains(logs, `"route":"/tasks/{name}"`) {
		t.Error(logs)
	}
}

func TestMounted(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.BasePath = "/api/core" })
	mux := http.NewServeMux()
	mux.Handle("/api/core/", http.StripPrefix("/api/core", f.Handler()))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, request("POST", "/api/core/tasks/sessions.cleanup", `{}`))
	if location := w.Header().Get("Location"); w.Code != 202 || !strings.HasPrefix(location, "/api/core/jobs/") {
		t.Errorf("status %d, Location %q", w.Code, location)
	}
	if !strings.Contains(string(f.openAPI), `"servers":[{"url":"/api/core"}]`) {
		t.Error("the description names another server")
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.do(request("POST", "/tasks/sessions.cleanup", `{}`))
	f.do(request("BREW", "/invented/by/a/client", ``))
	text := f.do(request("GET", "/metrics", "")).body
	for _, want := range []string{
		`core_http_jobs_enqueued_total{task="sessions.cleanup"} 1`,
		`core_http_requests_total{method="POST",route="/tasks/{name}",status="202"} 1`,
		`core_http_requests_total{method="other",route="none",status="404"} 1`,
		`core_http_request_duration_seconds_count{route="/tasks/{name}"} 1`,
		"go_goroutines",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestInvalidConfig(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"Registry is required":   func(c *Config) { c.Registry = nil },
		"Sender is required":     func(c *Config) { c.Sender = nil },
		"exclude each other":     func(c *Config) { c.Token, c.Authorize = "x", func(*http.Request) bool { return true } },
		"a header can't carry":   func(c *Config) { c.Token = "a b" },
		"BasePath \"api/\"":      func(c *Config) { c.BasePath = "api/" },
		"may be negative":        func(c *Config) { c.MaxBody = -1 },
		"trusted origin":         func(c *Config) { c.TrustedOrigins = []string{"example.com"} },
		"is not the name at all": func(c *Config) { c.Registry = tasks.NewRegistry(tasks.QueueSettings{Name: "is not the name at all"}) },
	} {
		cfg := Config{Registry: testRegistry(), Sender: &fakeSender{}}
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestReadyReasons(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) {
		c.Token = "secret"
		c.Ready = func(context.Context) error {
			return errors.Join(errDown, fmt.Errorf("store: %w", errors.Join(errDown, errDown))) // the last one has two lines
		}
	})
	if p := wantProblem(t, f.do(request("GET", "/readyz", "")), 503, slugNotReady); len(p.Errors) != 0 || p.Detail != "" {
		t.Errorf("strangers see %+v", p)
	}
	p := wantProblem(t, f.do(request("GET", "/readyz", "", "Authorization: Bearer secret")), 503, slugNotReady)
	if len(p.Errors) != 2 || p.Errors[1].Message != "store: "+errDown.Error()+"; "+errDown.Error() {
		t.Errorf("reasons %+v", p.Errors)
	}
}

type fakeAges struct {
	ages map[string]time.Duration
	err  error
	of   []string
}

func (a *fakeAges) OldestMessages(_ context.Context, queues []string) (map[string]time.Duration, error) {
	a.of = queues
	return a.ages, a.err
}

func TestOldestMessages(t *testing.T) {
	t.Parallel()
	ages := &fakeAges{ages: map[string]time.Duration{"default": 1500 * time.Millisecond}}
	f := newFixture(t, func(c *Config) { c.Ages = ages })
	if resp := f.do(request("GET", "/queues", "")); !strings.Contains(resp.body, `"oldest_seconds":1.5}`) || !strings.Contains(resp.body, `"oldest_seconds":null}`) {
		t.Errorf("%d %s", resp.status, resp.body)
	}
	if !slices.Equal(ages.of, []string{"default"}) {
		t.Errorf("asked for %v: a queue that is missing has no messages", ages.of)
	}
	ages.err = errors.New("denied")
	for range 3 {
		if resp := f.do(request("GET", "/queues", "")); resp.status != http.StatusOK || strings.Contains(resp.body, "1.5") {
			t.Errorf("%d %s", resp.status, resp.body)
		}
	}
	if n := strings.Count(f.logs.String(), "denied"); n != 1 {
		t.Errorf("the failure was said %d times", n)
	}
}
