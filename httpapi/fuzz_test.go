package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// description is what a client reads of /openapi.json.
type description struct {
	Paths map[string]map[string]struct {
		OperationID string         `json:"operationId"`
		Responses   map[string]any `json:"responses"`
	} `json:"paths"`
}

// UnmarshalJSON leaves out what paths have beside their operations.
func (d *description) UnmarshalJSON(data []byte) error {
	var raw struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	type plain description
	for _, operations := range raw.Paths {
		delete(operations, "parameters")
	}
	rest, err := json.Marshal(raw)
	if err != nil {
		return err
	}
	return json.Unmarshal(rest, (*plain)(d))
}

// documented reports whether a route may answer a method with a status.
func (d *description) documented(path, pattern, method string, status int) bool {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	operations, exact := d.Paths[path]
	if !exact {
		operations = d.Paths[pattern]
	}
	operation, ok := operations[strings.ToLower(method)]
	ok = ok && method == strings.ToUpper(method) // methods are case-sensitive: "Post" is none
	switch {
	case pattern == "":
		return status == http.StatusNotFound || status == http.StatusForbidden || status == http.StatusUnauthorized
	case !ok:
		return status == http.StatusMethodNotAllowed || status == http.StatusForbidden || status == http.StatusUnauthorized
	}
	return operation.Responses[strconv.Itoa(status)] != nil
}

// Whatever comes in, the answer is one of those that /openapi.json names for the route, errors are problem documents, and
// nothing fails with 500.
func FuzzHandler(f *testing.F) {
	for _, path := range []string{
		"/tasks/reports.generate", "/tasks/sessions.cleanup", "/tasks/nope", "/jobs", "/jobs/waiting", "/jobs/finished", "/jobs/finished/events",
		"/jobs/waiting/cancel", "/jobs/nope/cancel", "/jobs/sessions.cleanup@2026-03-01T00:00:00Z", "/queues", "/healthz", "/readyz", "/metrics", "/openapi.json", "/", "",
	} {
		for _, method := range []string{"GET", "POST", "HEAD", "OPTIONS"} {
			f.Add(method, path, "", []byte(`{"user_id":1}`), "Content-Type: application/json")
		}
	}
	f.Add("POST", "/tasks/reports.generate", "countdown=60s", []byte(`{"items":[{"sku":"a","price":null}],"since":"2026-01-01T00:00:00Z","tree":{"next":null}}`), "Content-Type: application/json; charset=utf-8\nX-Request-Id: a")
	f.Add("POST", "/tasks/reports.generate", "countdown=-1s&countdown=%zz", []byte("null"), "Content-Type: text/plain\nContent-Encoding: gzip")
	f.Add("GET", "/jobs", "state=queued&limit=2&cursor=next&task=a", []byte(nil), "Origin: https://evil.example\nSec-Fetch-Site: cross-site")
	f.Add("GET", "/jobs/finished", "wait=20s", []byte(nil), "Host: evil.example\nAuthorization: Bearer x")
	f.Add("POSt", "/tasks/0", "", []byte("{}"), "Content-Type: application/json")
	f.Add("GET", "/jobs/%2f%00/events", "wait=20s", []byte(nil), "Last-Event-ID: 1-succeeded-abc-end")

	plain := newFixture(f, func(c *Config) { c.Logger = slog.New(slog.DiscardHandler) })
	bare := newFixture(f, func(c *Config) {
		c.Logger, c.Store, c.Queues, c.Token, c.MaxBody = slog.New(slog.DiscardHandler), nil, nil, "x", 64
	})
	fixtures := map[*fixture]*description{plain: {}, bare: {}}
	for fixture, described := range fixtures {
		if err := json.Unmarshal(fixture.openAPI, described); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte, headers string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Host != "" {
			u = &url.URL{Path: path}
		}
		u.RawQuery = query
		for fixture, described := range fixtures {
			fixture.sender.sent = nil
			fixture.store.reset()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			r := (&http.Request{
				Method: method, URL: u, Host: "localhost", RemoteAddr: "127.0.0.1:1", Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
				Body: io.NopCloser(strings.NewReader(string(body))),
			}).WithContext(ctx)
			for line := range strings.SplitSeq(headers, "\n") {
				name, value, _ := strings.Cut(line, ": ")
				if name == "Host" {
					r.Host = value
				} else {
					r.Header.Set(name, value)
				}
			}
			w := httptest.NewRecorder()
			fixture.Handler().ServeHTTP(w, r)
			gone := ctx.Err() != nil // only then may there be no answer
			cancel()
			if gone {
				continue
			}
			route, _ := fixture.find(u)
			pattern := ""
			if route != nil {
				pattern = route.pattern
			}
			if !described.documented(u.Path, pattern, method, w.Code) {
				t.Errorf("%q %q (route %q) answered with the undocumented status %d: %s", method, u, pattern, w.Code, w.Body)
			}
			if w.Code == http.StatusInternalServerError {
				t.Errorf("%q %q failed: %s", method, u, w.Body)
			}
			if w.Code >= 400 {
				wantProblem(t, reply{w.Code, w.Header(), w.Body.String()}, w.Code, problemSlug(w.Body.String()))
			}
		}
	})
}

func problemSlug(body string) string {
	var p problem
	_ = json.Unmarshal([]byte(body), &p)
	slug := strings.TrimPrefix(p.Type, typePrefix)
	if titles[slug] == "" {
		return "one of the documented types, not " + p.Type
	}
	return slug
}
