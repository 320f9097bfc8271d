package testenv

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// recorder notes how a test would have ended. Only the methods that testenv calls are replaced.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Helper() {}

func (r *recorder) Skip(args ...any) {
	r.ended = "skipped: " + fmt.Sprint(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.ended = "failed: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// ending runs LocalStack as a test of its own would and tells how it ended.
func ending(t *testing.T) string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		LocalStack(r)
		r.ended = "ran"
	}()
	<-done
	return r.ended
}

// The cases set environment variables, so they cannot be parallel.
func TestLocalStack(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/_localstack/health" {
			http.NotFound(w, r)
		}
	}))
	defer up.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()

	tests := []struct {
		name, endpoint, require, want string
	}{
		{name: "unset is skipped", want: "skipped: needs LocalStack"},
		{name: "unset fails where suites are required", require: "1", want: "failed: needs LocalStack"},
		{name: "an endpoint that answers is used", endpoint: up.URL, want: "ran"},
		{name: "a closing slash does no harm", endpoint: up.URL + "/", want: "ran"},
		{name: "another server fails", endpoint: other.URL, want: "failed: LocalStack at"},
		{name: "an endpoint that is gone fails", endpoint: gone.URL, want: "failed: LocalStack at"},
		{name: "an endpoint that is no URL fails", endpoint: "127.0.0.1:4566", want: "failed: LocalStack at"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(LocalStackVar, tt.endpoint)
			t.Setenv(RequireVar, tt.require)
			if got := ending(t); !strings.HasPrefix(got, tt.want) {
				t.Errorf("ended %q, want %q", got, tt.want)
			}
		})
	}
}
