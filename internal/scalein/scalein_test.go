package scalein

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// agent is ECS's, without a network.
type agent struct {
	mu      sync.Mutex
	start   time.Time
	calls   []string // "+15s protect 15"
	refusal string   // the answer, where it is not to agree
	status  int
}

func (a *agent) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var request struct {
		ProtectionEnabled *bool
		ExpiresInMinutes  int
	}
	if r.Method != http.MethodPut || r.URL.String() != "http://agent/api/task/task-protection/v1/state" {
		return nil, errors.New("another request: " + r.Method + " " + r.URL.String())
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil || request.ProtectionEnabled == nil {
		return nil, fmt.Errorf("no request of the agent's: %w", err)
	}
	a.calls = append(a.calls, fmt.Sprintf("+%v protect=%v %d", time.Since(a.start), *request.ProtectionEnabled, request.ExpiresInMinutes))
	answer := fmt.Sprintf(`{"protection":{"ExpirationDate":"2026-11-23T10:00:00Z","ProtectionEnabled":%v,"TaskArn":"arn"}}`, *request.ProtectionEnabled)
	if a.refusal != "" {
		answer = a.refusal
	}
	return &http.Response{StatusCode: a.status, Status: http.StatusText(a.status), Body: io.NopCloser(strings.NewReader(answer))}, nil
}

// guarded runs test with a guard that works, and returns what its agent was asked.
func guarded(t *testing.T, setup func(*agent), test func(a *agent, job func(time.Duration))) (calls []string, log string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := &agent{start: time.Now(), status: http.StatusOK}
		if setup != nil {
			setup(a)
		}
		var out bytes.Buffer
		g := New("http://agent/api/task", &http.Client{Transport: a}, slog.New(slog.NewTextHandler(&out, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); g.Run(ctx) }()
		test(a, func(d time.Duration) {
			err := g.Middleware(func(context.Context) error { time.Sleep(d); return io.EOF })(ctx)
			if !errors.Is(err, io.EOF) {
				t.Errorf("the job's error became %v", err)
			}
		})
		cancel()
		<-done
		calls, log = a.calls, out.String()
	})
	return calls, log
}

func TestGuard(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		test func(a *agent, job func(time.Duration))
		want []string
	}{
		{"nothing runs", func(*agent, func(time.Duration)) { time.Sleep(time.Hour) }, nil},
		{"short jobs are no reason", func(_ *agent, job func(time.Duration)) {
			for range 100 {
				job(14 * time.Second)
			}
		}, nil},
		{"a long job", func(_ *agent, job func(time.Duration)) {
			job(time.Minute)
			time.Sleep(time.Hour)
		}, []string{"+15s protect=true 15", "+1m15s protect=false 0"}},
		{"a job of a quarter of an hour is protected all the time", func(_ *agent, job func(time.Duration)) {
			job(14 * time.Minute)
			time.Sleep(time.Hour)
		}, []string{"+15s protect=true 15", "+5m15s protect=true 15", "+10m15s protect=true 15", "+14m15s protect=false 0"}},
		{"long jobs one after the other make one request", func(_ *agent, job func(time.Duration)) {
			for range 5 {
				job(20 * time.Second)
			}
			time.Sleep(time.Hour)
		}, []string{"+15s protect=true 15", "+1m55s protect=false 0"}},
		{"the end lifts it", func(_ *agent, job func(time.Duration)) { job(time.Minute) }, []string{"+15s protect=true 15", "+1m0s protect=false 0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, log := guarded(t, nil, tt.test); !slices.Equal(got, tt.want) || log != "" {
				t.Errorf("the agent was asked %q, want %q\n%s", got, tt.want, log)
			}
		})
	}
}

func TestAgentRefuses(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]func(*agent){
		"an error":             func(a *agent) { a.status, a.refusal = 400, `{"error":{"Code":"AccessDeniedException"}}` },
		"a failure":            func(a *agent) { a.refusal = `{"failure":{"Reason":"DEPLOYMENT_BLOCKED"}}` },
		"something else":       func(a *agent) { a.refusal = `<html>` },
		"the other protection": func(a *agent) { a.refusal = `{"protection":{"ProtectionEnabled":false}}` },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, log := guarded(t, setup, func(a *agent, job func(time.Duration)) {
				job(30 * time.Second)
				a.mu.Lock()
				a.status, a.refusal = http.StatusOK, ""
				a.mu.Unlock()
				job(30 * time.Second)
			})
			want := []string{"+15s protect=true 15", "+25s protect=true 15", "+35s protect=true 15", "+1m0s protect=false 0"}
			if !slices.Equal(got, want) {
				t.Errorf("the agent was asked %q, want %q", got, want)
			}
			if !strings.Contains(log, "ecs:UpdateTaskProtection") {
				t.Errorf("the log is %s", log)
			}
		})
	}
}
