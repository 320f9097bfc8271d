package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/tasks"
)

// The Location of an accepted job leads back to it, whatever its ID is, over real HTTP: by Go's client, by curl, and
// through a mux in front. What no client could ask for is refused.
func TestLocationsLeadBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	mux := http.NewServeMux()
	mux.Handle("/jobs/", f.Handler())
	mux.Handle("/tasks/", f.Handler())
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, id := range []string{
		"plain", "a/b", "/", "//", "/..", "../..", "a/../b", "...", "..a", ".a", "%2e%2e", "%2E", "%", "?", "#", "a?b#c",
		"a;b", "a+b", "&=", "~", ":",
		"\\..", "@", "name@2026-11-27T00:00:00Z+10s", "events", "cancel",
	} {
		request, err := http.NewRequestWithContext(
			t.Context(),
			http.MethodPost,
			server.URL+"/tasks/reports.generate?job_id="+url.QueryEscape(id),
			strings.NewReader("{}"),
		)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		accepted, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = accepted.Body.Close()
		location, err := accepted.Location()
		if err != nil || accepted.StatusCode != http.StatusAccepted {
			t.Errorf("%q: status %d, %v", id, accepted.StatusCode, err)
			continue
		}
		found, err := server.Client().Get(location.String())
		if err != nil {
			t.Fatal(err)
		}
		var record results.Record
		err = json.NewDecoder(found.Body).Decode(&record)
		_ = found.Body.Close()
		if err != nil || record.ID != id {
			t.Errorf("%q: %s is job %q, %v", id, location, record.ID, err)
		}
		if curl, err := exec.LookPath("curl"); err == nil {
			out, err := exec.CommandContext(t.Context(), curl, "--silent", "--globoff", location.String()).Output()
			if err != nil || json.Unmarshal(out, &record) != nil || record.ID != id {
				t.Errorf("%q: by curl %s is %s, %v", id, location, out, err)
			}
		}
	}
	for _, id := range []string{".", ".."} {
		resp := f.do(request("POST", "/tasks/reports.generate?job_id="+id, `{}`))
		if p := wantProblem(t, resp, http.StatusBadRequest, slugInvalidRequest); len(p.Errors) != 1 ||
			p.Errors[0].Field != "job_id" {
			t.Errorf("%q: %+v", id, p)
		}
	}
}

// What the description says of an ID is what is taken.
func TestTheDescribedIDs(t *testing.T) {
	t.Parallel()
	pattern := regexp.MustCompile(jobIDPattern)
	for _, id := range []string{
		"", ".", "..", "a", "/", "...", ".a", "a.", "-.", ".-", "./", "a b", "ä", "!", "~",
		strings.Repeat("x", 128), strings.Repeat("x", 129),
	} {
		option := tasks.JobID(id)
		place := tasks.Define("t", func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil })
		_, sendErr := place.Delay(t.Context(), &fakeSender{}, struct{}{}, option)
		if accepted := sendErr == nil; accepted != pattern.MatchString(id) {
			t.Errorf("%q: accepted %v, described %v", id, accepted, !accepted)
		}
	}
}
