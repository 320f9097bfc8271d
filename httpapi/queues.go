package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/coretasks/core/sqsqueue"
)

const (
	// checkTimeout bounds what /queues and /readyz ask of others.
	checkTimeout = 5 * time.Second
	// countsKept is how long a count of the queues is good for all who ask. Each costs two requests a queue.
	countsKept = 2 * time.Second
	// readyKept is how long the server counts as ready, or not.
	readyKept = time.Second
)

// queueCount is one queue in the answer of GET /queues.
type queueCount struct {
	sqsqueue.Depth
	// OldestSeconds is how long ago the oldest message was sent that is not deleted yet; null where that is not known.
	OldestSeconds *float64 `json:"oldest_seconds"`
}

// queues answers GET /queues.
func (a *API) queues(w *response, r *http.Request, _ string) error {
	if _, err := query(r); err != nil {
		return err
	}
	if a.config.Queues == nil {
		return newProblem(http.StatusNotImplemented, slugNoQueues, "This server was not told how to count its queues; set Config.Queues.")
	}
	depths, err := a.counts.get(r.Context(), a.config.Queues)
	switch {
	case r.Context().Err() != nil:
		return errGone
	case err != nil:
		return ofQueue(err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	counts := make([]queueCount, len(depths))
	oldest := a.oldest(ctx, depths)
	for i, d := range depths {
		counts[i] = queueCount{Depth: d}
		if age, known := oldest[d.Queue]; known {
			seconds := age.Seconds()
			counts[i].OldestSeconds = &seconds
		}
	}
	a.write(w, http.StatusOK, "application/json", map[string]any{"queues": counts})
	return nil
}

// oldest asks for ages. Trouble with that is no trouble with the queues: it is said once, and the ages are not known.
func (a *API) oldest(ctx context.Context, depths []sqsqueue.Depth) map[string]time.Duration {
	if a.config.Ages == nil {
		return nil
	}
	names := make([]string, 0, len(depths))
	for _, d := range depths {
		if !d.Missing {
			names = append(names, d.Queue)
		}
	}
	ages, err := a.config.Ages.OldestMessages(ctx, names)
	if was := a.noAges.Swap(err != nil); err != nil && !was {
		a.logger.Warn("the age of the oldest messages can't be told; /queues has null for it", "error", err)
	}
	if err != nil {
		return nil
	}
	return ages
}

// healthz answers GET /healthz: the process serves requests.
func (a *API) healthz(w *response, _ *http.Request, _ string) error {
	a.write(w, http.StatusOK, "application/json", map[string]string{"status": "ok"})
	return nil
}

// readyz answers GET /readyz. Reasons name endpoints, so they are for those who may use the API.
func (a *API) readyz(w *response, r *http.Request, _ string) error {
	if a.isStopping() {
		return unavailable(slugShuttingDown, "", 1)
	}
	ready := func(ctx context.Context) (struct{}, error) { return struct{}{}, a.config.Ready(ctx) }
	if _, err := a.ready.get(r.Context(), ready); err != nil {
		p := unavailable(slugNotReady, "", 1)
		if a.admit(r) == nil {
			for _, reason := range reasons(err) {
				p.Errors = append(p.Errors, fieldError{Message: oneLine(reason)})
			}
			p.Detail = p.Errors[0].Message
		}
		return p
	}
	a.write(w, http.StatusOK, "application/json", map[string]string{"status": "ready"})
	return nil
}

func reasons(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) > 0 {
		return joined.Unwrap()
	}
	return []error{err}
}

// oneLine writes an error on one line: joined errors stand on several.
func oneLine(err error) string { return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ") }
