package httpapi

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/coretasks/core/results"
)

// maxJobID is longer than any ID: a periodic job's has the task's name, at most 128 characters, and a time.
const maxJobID = 256

// withStore answers for the routes that need records.
func (a *API) withStore(h handler) handler {
	return func(w *response, r *http.Request, arg string) error {
		if a.config.Store == nil {
			return newProblem(http.StatusNotImplemented, slugNoStore,
				"This server runs without a results store. Turn one on with --results sqlite://FILE or --results dynamodb://TABLE, or Config.Store.")
		}
		if len(arg) > maxJobID || strings.ContainsFunc(arg, unicode.IsControl) {
			return unknownJob(arg)
		}
		return h(w, r, arg)
	}
}

// job answers GET /jobs/{id}.
func (a *API) job(w *response, r *http.Request, id string) error {
	q, err := query(r, "wait")
	if err != nil {
		return err
	}
	var wait time.Duration
	if text, given := q["wait"]; given {
		if wait, err = duration("wait", text, 0, MaxWait, "must be 0s to 60s"); err != nil {
			return err
		}
	}
	var record results.Record
	if wait > 0 {
		record, err = a.await(w, r, id, wait)
	} else {
		record, err = a.get(r.Context(), id)
	}
	if err != nil {
		return err
	}
	a.write(w, http.StatusOK, "application/json", record)
	return nil
}

func (a *API) get(ctx context.Context, id string) (results.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, a.tune.storeTimeout)
	defer cancel()
	record, err := a.config.Store.Get(ctx, id)
	if err != nil {
		return record, ofStore(err, id)
	}
	return record, nil
}

// await returns a job's record when it is finished or the time is up.
func (a *API) await(w *response, r *http.Request, id string, limit time.Duration) (results.Record, error) {
	if err := a.enter(); err != nil {
		return results.Record{}, err
	}
	defer a.leave()
	w.patient()
	sub, err := a.watch(r.Context(), id)
	if err != nil {
		return results.Record{}, err
	}
	defer sub.close()
	up := time.NewTimer(limit)
	defer up.Stop()
	for {
		now := sub.latest()
		switch {
		case now.gone:
			return results.Record{}, unknownJob(id)
		case now.record.State.Final():
			return now.record, nil
		}
		select {
		case <-sub.changed:
		case <-up.C:
			return now.record, nil
		case <-a.stopping:
			return now.record, nil
		case <-r.Context().Done():
			return results.Record{}, errGone
		}
	}
}

// watch subscribes to a job's record. The first of a job reads it.
func (a *API) watch(ctx context.Context, id string) (*subscription, error) {
	if sub := a.hub.join(id); sub != nil {
		return sub, nil
	}
	record, err := a.get(ctx, id)
	if err != nil {
		return nil, err
	}
	return a.hub.begin(record), nil
}

// cancel answers POST /jobs/{id}/cancel.
func (a *API) cancel(w *response, r *http.Request, id string) error {
	if _, err := query(r); err != nil {
		return err
	}
	ctx, done := context.WithTimeout(r.Context(), a.tune.storeTimeout)
	defer done()
	record, err := a.config.Store.Cancel(ctx, id, time.Now().UTC().Truncate(time.Millisecond))
	if err != nil {
		return ofStore(err, id)
	}
	a.write(w, http.StatusAccepted, "application/json", record)
	return nil
}

var taskName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

// list answers GET /jobs.
func (a *API) list(w *response, r *http.Request, _ string) error {
	q, err := query(r, "task", "state", "limit", "cursor")
	if err != nil {
		return err
	}
	filter := results.Filter{Task: q["task"], State: results.State(q["state"]), Cursor: q["cursor"]}
	if filter.Task != "" && !taskName.MatchString(filter.Task) {
		return invalid("task", "is not a task's name")
	}
	if filter.State != "" && !slices.Contains(results.States(), filter.State) {
		return invalid("state", "must be one of %s", join(results.States()))
	}
	if text, given := q["limit"]; given {
		filter.Limit, err = strconv.Atoi(text)
		if err != nil || filter.Limit < 1 || filter.Limit > results.MaxPage {
			return invalid("limit", "must be a whole number from 1 to %d", results.MaxPage)
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.tune.storeTimeout)
	defer cancel()
	page, err := a.config.Store.List(ctx, filter)
	if err != nil {
		return ofStore(err, "")
	}
	if page.Records == nil {
		page.Records = []results.Record{}
	}
	a.write(w, http.StatusOK, "application/json", page)
	return nil
}

func join[S ~string](words []S) string {
	text := make([]string, len(words))
	for i, w := range words {
		text[i] = string(w)
	}
	return strings.Join(text, ", ")
}
