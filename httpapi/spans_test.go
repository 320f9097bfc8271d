package httpapi

import (
	"net/http"
	"testing"
	"time"
)

// Countdowns are written as on the command line.
func TestCountdownsInDays(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for text, want := range map[string]time.Duration{
		"1d": 24 * time.Hour, "1d12h": 36 * time.Hour, "365d": 365 * 24 * time.Hour, "0d": 0,
		"90s": 90 * time.Second, "36h": 36 * time.Hour,
	} {
		resp := f.do(request("POST", "/tasks/reports.generate?countdown="+text, `{}`))
		if resp.status != http.StatusAccepted || f.sender.last().Delay != want {
			t.Errorf("%s: status %d, delay %v, want %v", text, resp.status, f.sender.last().Delay, want)
		}
	}
	for _, text := range []string{"366d", "-1d", "1w", "d", "1.5d", "99999999d"} {
		resp := f.do(request("POST", "/tasks/reports.generate?countdown="+text, `{}`))
		wantProblem(t, resp, http.StatusBadRequest, slugInvalidRequest)
	}
}
