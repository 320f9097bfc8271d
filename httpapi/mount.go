package httpapi

import (
	"context"
	"net/http"
	"net/url"
)

// A Part names one of a job's routes.
type Part string

// The parts of a job that [API.ServeJob] serves.
const (
	// PartRecord is GET /jobs/{id}.
	PartRecord Part = ""
	// PartEvents is GET /jobs/{id}/events.
	PartEvents Part = "events"
	// PartCancel is POST /jobs/{id}/cancel.
	PartCancel Part = "cancel"
)

type admittedKey struct{}

// ServeJob answers as the route of a job does, at whatever address the program has for it. It is for programs with users of
// their own, whose browsers can't have the API's token: the program finds out whether this user may see this job, and then
// calls ServeJob, which asks neither Token nor Authorize and refuses only what pages of other sites send.
func (a *API) ServeJob(w http.ResponseWriter, r *http.Request, id string, part Part) {
	r = r.WithContext(context.WithValue(r.Context(), admittedKey{}, true))
	path := "/jobs/" + url.PathEscape(id)
	plain := "/jobs/" + id
	if part != PartRecord {
		path += "/" + string(part)
		plain += "/" + string(part)
	}
	r.URL = &url.URL{Path: plain, RawPath: path, RawQuery: r.URL.RawQuery}
	a.serve(w, r)
}

// admitted reports whether the program has decided that the request is to be served.
func admitted(r *http.Request) bool { return r.Context().Value(admittedKey{}) != nil }
