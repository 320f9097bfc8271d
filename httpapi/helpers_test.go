package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

type item struct {
	SKU   string  `json:"sku"`
	Price float64 `json:"price"`
}

type reportParams struct {
	UserID     int64             `json:"user_id"`
	ReportType string            `json:"report_type" jsonschema:"monthly or yearly"`
	Items      []item            `json:"items,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Since      time.Time         `json:"since,omitzero"`
	Limit      *uint8            `json:"limit,omitempty"`
	Tree       *node             `json:"tree,omitempty"`
}

type node struct {
	Name string  `json:"name"`
	Next *node   `json:"next,omitempty"`
	All  []*node `json:"all,omitempty"`
}

func testRegistry() *tasks.Registry {
	generate := tasks.Define("reports.generate", func(context.Context, reportParams) (string, error) { return "", nil })
	nothing := tasks.Define("sessions.cleanup", tasks.NoResult(func(context.Context, struct{}) error { return nil }), tasks.Queue("low"))
	return tasks.NewRegistry(generate, nothing)
}

// fakeSender accepts jobs, or fails with err.
type fakeSender struct {
	mu   sync.Mutex
	sent []tasks.Message
	err  error
}

func (s *fakeSender) Send(_ context.Context, msgs []tasks.Message) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return slices.Repeat([]error{s.err}, len(msgs))
	}
	s.sent = append(s.sent, msgs...)
	return nil
}

func (s *fakeSender) last() tasks.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent[len(s.sent)-1]
}

// fakeStore keeps records in memory; err, where it is set, is the answer to everything.
type fakeStore struct {
	results.Store // what a test must not call
	mu            sync.Mutex
	records       map[string]results.Record
	order         []string
	err           error
	reads         atomic.Int64
}

func newFakeStore() *fakeStore {
	s := &fakeStore{}
	s.reset()
	return s
}

func (s *fakeStore) reset() {
	s.mu.Lock()
	s.records, s.order = map[string]results.Record{}, nil
	s.mu.Unlock()
	s.put(record("waiting", results.Queued))
	s.put(record("running", results.Running))
	s.put(record("finished", results.Succeeded))
	s.put(record("sessions.cleanup@2026-03-01T00:00:00Z", results.Retrying))
}

func (s *fakeStore) put(r results.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.records[r.ID]; !ok {
		s.order = append(s.order, r.ID)
	}
	s.records[r.ID] = r
}

func (s *fakeStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *fakeStore) Enqueue(_ context.Context, records []results.Record) []error {
	if s.err != nil {
		return slices.Repeat([]error{s.err}, len(records))
	}
	for _, r := range records {
		r.UpdatedAt = r.EnqueuedAt
		s.put(r)
	}
	return nil
}

func (s *fakeStore) Get(ctx context.Context, id string) (results.Record, error) {
	s.reads.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return results.Record{}, s.err
	}
	r, ok := s.records[id]
	if !ok {
		return r, &results.NotFoundError{ID: id}
	}
	return r, ctx.Err()
}

func (s *fakeStore) Cancel(ctx context.Context, id string, at time.Time) (results.Record, error) {
	r, err := s.Get(ctx, id)
	if err != nil {
		return r, err
	}
	if r.State.Final() {
		return r, &results.FinishedError{Record: r}
	}
	r.State, r.UpdatedAt, r.FinishedAt = results.Cancelled, at, at
	s.put(r)
	return r, nil
}

func (s *fakeStore) List(_ context.Context, f results.Filter) (results.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return results.Page{}, s.err
	}
	if f.Cursor != "" && f.Cursor != "next" {
		return results.Page{}, results.ErrInvalidCursor
	}
	var page results.Page
	for _, id := range s.order {
		r := s.records[id]
		if (f.Task == "" || f.Task == r.Task) && (f.State == "" || f.State == r.State) {
			page.Records = append(page.Records, r)
		}
	}
	if f.Limit > 0 && len(page.Records) > f.Limit {
		page.Records, page.Next = page.Records[:f.Limit], "next"
	}
	return page, nil
}

func (s *fakeStore) Ping(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

var errDown = errors.New("connection refused by 10.1.2.3")

func record(id string, state results.State) results.Record {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := results.Record{ID: id, Task: "reports.generate", Queue: "default", State: state, EnqueuedAt: at, UpdatedAt: at, ExpiresAt: at.Add(time.Hour)}
	if state == results.Succeeded {
		r.Result = json.RawMessage(`"done"`)
	}
	return r
}

// fixture is an API on fakes, with everything turned on.
type fixture struct {
	*API
	sender *fakeSender
	store  *fakeStore
	logs   *lockedBuilder
}

type lockedBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuilder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuilder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newFixture(t testing.TB, change ...func(*Config)) *fixture {
	t.Helper()
	f := &fixture{sender: &fakeSender{}, logs: &lockedBuilder{}, store: newFakeStore()}
	cfg := Config{
		Registry: testRegistry(), Sender: f.sender, Store: f.store,
		Queues: func(context.Context) ([]sqsqueue.Depth, error) {
			return []sqsqueue.Depth{{Queue: "default", Waiting: 3, Dead: 1}, {Queue: "low", Missing: true}}, nil
		},
		Logger: slog.New(slog.NewJSONHandler(f.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&cfg)
	}
	api, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.API = api
	return f
}

// request is one that a local program makes.
func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "http://localhost:8000"+target, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:40000"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	return r
}

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

func (f *fixture) do(r *http.Request) reply {
	w := httptest.NewRecorder()
	f.Handler().ServeHTTP(w, r)
	return reply{status: w.Code, header: w.Header(), body: w.Body.String()}
}

// wantProblem checks an error's document and returns it.
func wantProblem(t testing.TB, resp reply, status int, slug string) problem {
	t.Helper()
	body := resp.body
	var p problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("status %d, body is no problem: %v: %s", resp.status, err, body)
	}
	if resp.status != status || p.Status != status || p.Type != typePrefix+slug || p.Title == "" || p.RequestID == "" ||
		resp.header.Get("Content-Type") != "application/problem+json" || resp.header.Get("X-Request-Id") != p.RequestID {
		t.Fatalf("status %d, headers %v, problem %s, want %d %s", resp.status, resp.header, body, status, slug)
	}
	if (status == http.StatusServiceUnavailable) != (resp.header.Get("Retry-After") != "") {
		t.Errorf("status %d with Retry-After %q", status, resp.header.Get("Retry-After"))
	}
	return p
}
