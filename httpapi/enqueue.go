package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/coretasks/core/internal/span"
	"github.com/coretasks/core/tasks"
)

// enqueue answers POST /tasks/{name}.
func (a *API) enqueue(w *response, r *http.Request, name string) error {
	task, err := a.config.Registry.Task(name)
	if err != nil {
		return newProblem(http.StatusNotFound, slugUnknownTask, sentence(strings.Replace(err.Error(), fmt.Sprintf("%q", name), fmt.Sprintf("%q", shorten(name, 100)), 1)))
	}
	if err := wantJSON(r); err != nil {
		return err
	}
	options, err := delayOptions(r)
	if err != nil {
		return err
	}
	params, err := a.body(w, r)
	if err != nil {
		return err
	}
	job, err := task.DelayJSON(r.Context(), a.sender, params, options...)
	if err != nil {
		return ofEnqueue(err)
	}
	a.metrics.enqueued.WithLabelValues(job.Task).Inc()
	w.Header().Set("Location", a.link("jobs", job.ID))
	a.write(w, http.StatusAccepted, "application/json", job)
	return nil
}

// wantJSON refuses what a page's form could send to another site without asking: a browser asks first before it sends
// JSON.
func wantJSON(r *http.Request) error {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	switch {
	case err != nil || kind != "application/json":
		return newProblem(http.StatusUnsupportedMediaType, slugMediaType, "Send the parameters as JSON, with \"Content-Type: application/json\".").
			with("Accept", "application/json")
	case charset != "" && !strings.EqualFold(charset, "utf-8"):
		return newProblem(http.StatusUnsupportedMediaType, slugMediaType, "JSON is UTF-8.")
	case r.Header.Get("Content-Encoding") != "":
		return newProblem(http.StatusUnsupportedMediaType, slugMediaType, "Send the body as it is, without Content-Encoding.").
			with("Accept-Encoding", "identity")
	}
	return nil
}

func delayOptions(r *http.Request) ([]tasks.DelayOption, error) {
	q, err := query(r, "countdown", "job_id")
	if err != nil {
		return nil, err
	}
	var options []tasks.DelayOption
	if text, given := q["countdown"]; given {
		d, err := duration("countdown", text, 0, tasks.MaxCountdown, tasks.ErrInvalidCountdown.Error())
		if err != nil {
			return nil, err
		}
		options = append(options, tasks.Countdown(d))
	}
	if id, given := q["job_id"]; given {
		options = append(options, tasks.JobID(id))
	}
	return options, nil
}

// duration reads a query parameter such as "60s".
func duration(name, text string, least, most time.Duration, outside string) (time.Duration, error) {
	d, err := span.Parse(text)
	if err != nil {
		return 0, invalid(name, "%q is not a duration, such as 60s or 10m", shorten(text, 100))
	}
	if d < least || d > most {
		return 0, invalid(name, "%s", outside)
	}
	return d, nil
}

// body reads a request's body.
func (a *API) body(w *response, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w.ResponseWriter)
	_ = control.SetReadDeadline(time.Now().Add(a.tune.bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w.ResponseWriter, r.Body, a.config.MaxBody))
	if err == nil {
		_ = control.SetReadDeadline(time.Time{})
		return body, nil
	}
	// The deadline stays for what the server reads before it answers: the rest of the body.
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, newProblem(http.StatusRequestEntityTooLarge, slugTooLarge,
			fmt.Sprintf("The body is larger than the limit of %d bytes; store the data elsewhere and pass its ID.", tooLarge.Limit))
	}
	return nil, newProblem(http.StatusBadRequest, slugInvalidRequest, "The body could not be read to its end.")
}

// showOpenAPI answers GET /openapi.json.
func (a *API) showOpenAPI(w *response, _ *http.Request, _ string) error {
	a.write(w, http.StatusOK, "application/json", json.RawMessage(a.openAPI))
	return nil
}
