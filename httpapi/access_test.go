package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.Token = "s3cret-token" })
	for _, path := range []string{"/jobs", "/metrics", "/openapi.json", "/queues", "/nothing", "/tasks/reports.generate"} {
		for _, header := range []string{"", "Bearer", "Bearer ", "Bearer s3cret-toke", "Bearer s3cret-tokens", "Basic s3cret-token", "s3cret-token"} {
			resp := f.do(request("GET", path, "", "Authorization: "+header))
			wantProblem(t, resp, http.StatusUnauthorized, slugUnauthorized)
			if !strings.HasPrefix(resp.header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("WWW-Authenticate %q", resp.header.Get("WWW-Authenticate"))
			}
		}
	}
	far := request("GET", "/jobs", "", "Authorization: bearer s3cret-token", "Host: api.example.com")
	far.RemoteAddr = "203.0.113.9:4000"
	if resp := f.do(far); resp.status != http.StatusOK {
		t.Errorf("status %d with the token: %s", resp.status, resp.body)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if resp := f.do(request("GET", path, "", "Host: api.example.com")); resp.status != http.StatusOK {
			t.Errorf("%s: status %d without the token", path, resp.status)
		}
	}
	if strings.Contains(f.logs.String(), "only clients on this machine") {
		t.Error("it is said that there is no token")
	}
}

func TestWithoutToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, test := range map[string]struct {
		remote, host string
		header       string
		want         int
	}{
		"loopback":              {"127.0.0.1:4000", "127.0.0.1:8000", "", 200},
		"another loopback":      {"127.8.0.1:4000", "127.8.0.1", "", 200},
		"IPv6":                  {"[::1]:4000", "[::1]:8000", "", 200},
		"IPv6 without port":     {"[::1]:4000", "[::1]", "", 200},
		"IPv4 in IPv6":          {"[::ffff:127.0.0.1]:4000", "localhost", "", 200},
		"a name":                {"127.0.0.1:4000", "LocalHost.:8000", "", 200},
		"a name below":          {"127.0.0.1:4000", "tasks.localhost:8000", "", 200},
		"a Unix socket":         {"@", "localhost", "", 200},
		"from afar":             {"203.0.113.9:4000", "localhost:8000", "", 403},
		"from the network":      {"192.168.1.5:4000", "localhost:8000", "", 403},
		"no address":            {"nonsense", "localhost:8000", "", 403},
		"rebound name":          {"127.0.0.1:4000", "evil.example:8000", "", 403},
		"rebound name, similar": {"127.0.0.1:4000", "localhost.evil.example", "", 403},
		"private address":       {"127.0.0.1:4000", "192.168.1.5:8000", "", 403},
		"behind a proxy":        {"127.0.0.1:4000", "localhost:8000", "X-Forwarded-For: 203.0.113.9", 403},
		"behind another proxy":  {"127.0.0.1:4000", "localhost:8000", "Forwarded: for=203.0.113.9", 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			headers := []string{"Host: " + test.host}
			if test.header != "" {
				headers = append(headers, test.header)
			}
			r := request("GET", "/jobs", "", headers...)
			r.RemoteAddr = test.remote
			resp := f.do(r)
			if resp.status != test.want {
				t.Errorf("status %d, want %d: %s", resp.status, test.want, resp.body)
			}
			if test.want == http.StatusForbidden {
				wantProblem(t, resp, http.StatusForbidden, slugForbidden)
			}
		})
	}
	f.Handler()
	f.Handler()
	if n := strings.Count(f.logs.String(), "only clients on this machine"); n != 1 {
		t.Errorf("it was said %d times that there is no token", n)
	}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) {
		c.Authorize = func(r *http.Request) bool { return r.Header.Get("X-User") == "ann" }
	})
	far := request("GET", "/jobs", "", "X-User: ann", "Host: app.example.com")
	far.RemoteAddr = "203.0.113.9:4000"
	if resp := f.do(far); resp.status != http.StatusOK {
		t.Errorf("status %d: %s", resp.status, resp.body)
	}
	wantProblem(t, f.do(request("GET", "/jobs", "")), http.StatusForbidden, slugForbidden)
}

func TestOtherSites(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.TrustedOrigins = []string{"https://app.example.com"} })
	for name, test := range map[string]struct {
		method, target, body string
		headers              []string
		want                 int
	}{
		"no browser":               {"POST", "/tasks/sessions.cleanup", "{}", nil, 202},
		"own page":                 {"POST", "/tasks/sessions.cleanup", "{}", []string{"Sec-Fetch-Site: same-origin", "Origin: http://localhost:8000"}, 202},
		"trusted page":             {"POST", "/tasks/sessions.cleanup", "{}", []string{"Sec-Fetch-Site: cross-site", "Origin: https://app.example.com"}, 202},
		"other site":               {"POST", "/tasks/sessions.cleanup", "{}", []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403},
		"other port":               {"POST", "/tasks/sessions.cleanup", "{}", []string{"Sec-Fetch-Site: same-site", "Origin: http://localhost:3000"}, 403},
		"other site, old browser":  {"POST", "/tasks/sessions.cleanup", "{}", []string{"Origin: https://evil.example"}, 403},
		"opaque origin":            {"POST", "/tasks/sessions.cleanup", "{}", []string{"Origin: null"}, 403},
		"other site cancels":       {"POST", "/jobs/waiting/cancel", "", []string{"Sec-Fetch-Site: cross-site"}, 403},
		"other site reads":         {"GET", "/jobs", "", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"}, 403},
		"other site opens streams": {"GET", "/jobs/waiting/events", "", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Origin: https://evil.example"}, 403},
		"other port reads":         {"GET", "/metrics", "", []string{"Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors"}, 403},
		"an old browser reads":     {"GET", "/jobs", "", []string{"Origin: http://evil.example"}, 403},
		"an old browser's own":     {"GET", "/jobs", "", []string{"Origin: http://localhost:8000"}, 200},
		"health is for everybody":  {"GET", "/healthz", "", []string{"Sec-Fetch-Site: cross-site", "Origin: http://evil.example"}, 200},
		"a frame":                  {"GET", "/jobs", "", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"}, 403},
		"a link is followed":       {"GET", "/jobs", "", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp := f.do(request(test.method, test.target, test.body, test.headers...))
			if resp.status != test.want {
				t.Errorf("status %d, want %d: %s", resp.status, test.want, resp.body)
			}
		})
	}
}

// A program with users of its own shows them their jobs, though their browsers have no token.
func TestServeJob(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.Token = "s3cret-token"; c.BasePath = "/api" })
	serve := func(id string, part Part) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { f.ServeJob(w, r, id, part) }
	}
	for name, test := range map[string]struct {
		method, id string
		part       Part
		query      string
		header     string
		want       int
		words      string
	}{
		"record":             {"GET", "running", PartRecord, "", "", 200, `"state":"running"`},
		"record, waiting":    {"GET", "finished", PartRecord, "?wait=20s", "", 200, `"state":"succeeded"`},
		"events":             {"GET", "finished", PartEvents, "", "", 200, "event: end"},
		"cancel":             {"POST", "waiting", PartCancel, "", "", 202, `"state":"cancelled"`},
		"an escaped ID":      {"GET", "sessions.cleanup@2026-03-01T00:00:00Z", PartRecord, "", "", 200, "retrying"},
		"unknown":            {"GET", "no/such job", PartRecord, "", "", 404, "no/such job"},
		"leading out":        {"GET", "../metrics", PartRecord, "", "", 404, "unknown-job"},
		"no ID":              {"GET", "", PartRecord, "", "", 404, "problem"},
		"another part":       {"GET", "running", "result", "", "", 404, "problem"},
		"wrong method":       {"POST", "running", PartEvents, "", "", 405, "Allowed"},
		"wrong query":        {"GET", "running", PartRecord, "?wate=1s", "", 400, "wate"},
		"another site's":     {"POST", "waiting", PartCancel, "", "Sec-Fetch-Site: cross-site", 403, "other sites"},
		"a far away browser": {"GET", "running", PartRecord, "", "Host: shop.example.com", 200, "running"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request(test.method, "/my/reports/1"+test.query, "", test.header)
			r.RemoteAddr = "203.0.113.9:4000"
			w := httptest.NewRecorder()
			serve(test.id, test.part)(w, r)
			if w.Code != test.want || !strings.Contains(w.Body.String(), test.words) {
				t.Errorf("%d %s, want %d with %q", w.Code, w.Body, test.want, test.words)
			}
		})
	}
	wantProblem(t, f.do(request("GET", "/jobs/running", "")), http.StatusUnauthorized, slugUnauthorized)
}
