package lambda

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A web page finds no way to the Runtime API: it would take invocations away from the process.
func TestRuntimeAPIRefusesPages(t *testing.T) {
	t.Parallel()
	served := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for name, tc := range map[string]struct {
		host, header string
		status       int
	}{
		"the process":       {host: "127.0.0.1:9001", status: 204},
		"a rebound name":    {host: "evil.example:9001", status: 403},
		"another port":      {host: "127.0.0.1:9002", status: 403},
		"a page":            {host: "127.0.0.1:9001", header: "Origin", status: 403},
		"a stylesheet":      {host: "127.0.0.1:9001", header: "Sec-Fetch-Dest", status: 403},
		"a link":            {host: "127.0.0.1:9001", header: "Referer", status: 403},
		"an image, no-cors": {host: "127.0.0.1:9001", header: "Sec-Fetch-Site", status: 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/2018-06-01/runtime/invocation/next", nil)
			r.Host = tc.host
			if tc.header != "" {
				r.Header.Set(tc.header, "http://evil.example")
			}
			w := httptest.NewRecorder()
			onlyProcess("127.0.0.1:9001", served).ServeHTTP(w, r)
			if w.Code != tc.status {
				t.Errorf("status %d, want %d", w.Code, tc.status)
			}
		})
	}
}
