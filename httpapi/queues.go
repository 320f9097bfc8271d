package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coretasks/core/sqsqueue"
)

// checkTimeout bounds what /queues and /readyz ask of others.
const checkTimeout = 5 * time.Second

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
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	depths, err := a.config.Queues(ctx)
	if err != nil {
		return ofQueue(err)
	}
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
	if err := a.ready.check(r.Context(), a.config.Ready); err != nil {
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

// readiness remembers an answer for a second, so that many who ask cost one check.
type readiness struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

func (c *readiness) check(ctx context.Context, ask func(context.Context) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.at.IsZero() && time.Since(c.at) < time.Second {
		return c.err
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), checkTimeout, errors.New("no answer within 5 seconds"))
	defer cancel()
	c.err = ask(ctx)
	c.at = time.Now()
	return c.err
}
