package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/coretasks/core/httpapi"
)

// Jobs answers what a browser asks about one job: *httpapi.API does.
type Jobs interface {
	ServeJob(w http.ResponseWriter, r *http.Request, id string, part httpapi.Part)
}

// note keeps whose order a job is. The job's record does not say it: a record is the API's, and knows no users. A real
// application has a table for that; here each order is a file with its user's number.
func (a *app) note(jobID string, user int64) error {
	if err := os.MkdirAll(a.orders, 0o700); err != nil {
		return fmt.Errorf("keep an order: %w", err)
	}
	if err := os.WriteFile(a.orderFile(jobID), []byte(strconv.FormatInt(user, 10)), 0o600); err != nil {
		return fmt.Errorf("keep an order: %w", err)
	}
	return nil
}

// orderFile escapes an ID, which comes from outside, so that it can't lead out of the directory.
func (a *app) orderFile(jobID string) string {
	return filepath.Join(a.orders, "order-"+url.PathEscape(jobID))
}

// maxJobID is longer than any job's ID, and short enough for a file's name.
const maxJobID = 200

// orderedBy reports whether a job is the order of this user.
func (a *app) orderedBy(jobID string, user int64) bool {
	if len(url.PathEscape(jobID)) > maxJobID {
		return false
	}
	text, err := os.ReadFile(a.orderFile(jobID))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		a.Logger.Warn("an order can't be read", "job_id", jobID, "error", err)
	}
	return err == nil && string(text) == strconv.FormatInt(user, 10)
}

// job serves a part of a job to the user who ordered it; others learn nothing of it.
func (a *app) job(part httpapi.Part) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if !a.orderedBy(id, a.User(r)) {
			a.fail(w, http.StatusNotFound, "there is no such report")
			return
		}
		w.Header().Set("Vary", "Cookie")
		a.Jobs.ServeJob(w, r, id, part)
	}
}
