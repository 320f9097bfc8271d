package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/coretasks/core/examples/reports"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/tasks"
)

// maxBody bounds a request's body.
const maxBody = 4 << 10

// order is what POST /reports/generate takes. Whose report it is follows from who is signed in.
type order struct {
	ReportType string `json:"report_type"`
	Slowly     bool   `json:"slowly"`
}

// accepted is its answer.
type accepted struct {
	JobID       string `json:"job_id"`
	StatusURL   string `json:"status_url"`
	EventsURL   string `json:"events_url"`
	CancelURL   string `json:"cancel_url"`
	DownloadURL string `json:"download_url"`
}

// generate answers POST /reports/generate, as soon as the queue has the job.
func (a *app) generate(w http.ResponseWriter, r *http.Request) {
	o, status, err := readOrder(w, r)
	if err != nil {
		a.fail(w, status, err.Error())
		return
	}
	if !known(o.ReportType) {
		a.answer(w, http.StatusBadRequest, failure{Error: fmt.Sprintf("unknown report type %q: there are %s", o.ReportType, typeNames()), Field: "report_type"})
		return
	}
	user := a.User(r)
	job, err := reports.Generate.Delay(r.Context(), a.Queue, reports.Params{UserID: user, ReportType: o.ReportType, Slowly: o.Slowly})
	if err != nil {
		a.Logger.Error("a report can't be enqueued", "error", err)
		w.Header().Set("Retry-After", "5")
		a.fail(w, http.StatusServiceUnavailable, "the queue did not take the report; try again in a moment")
		return
	}
	if err := a.note(job.ID, user); err != nil {
		a.Logger.Error("a report is made, and its user can't follow it", "job_id", job.ID, "error", err)
		a.fail(w, http.StatusInternalServerError, "the report is being made, but you can't be shown how far it is")
		return
	}
	at := "/reports/" + url.PathEscape(job.ID)
	w.Header().Set("Location", at+"/status")
	a.answer(w, http.StatusAccepted, accepted{
		JobID: job.ID, StatusURL: at + "/status", EventsURL: at + "/events", CancelURL: at + "/cancel", DownloadURL: at,
	})
}

// readOrder reads JSON or a form. With an error comes the status to answer with.
func readOrder(w http.ResponseWriter, r *http.Request) (o order, status int, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return o, http.StatusRequestEntityTooLarge, fmt.Errorf("the body is larger than %d bytes", maxBody)
	} else if err != nil {
		return o, http.StatusBadRequest, errors.New("the body could not be read to its end")
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && mediaType == "application/json":
		if err := decode(body, &o); err != nil {
			return o, http.StatusBadRequest, fmt.Errorf("the body is not what is expected: %w", err)
		}
	case err == nil && mediaType == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return o, http.StatusBadRequest, errors.New("the form can't be read")
		}
		o = order{ReportType: form.Get("report_type"), Slowly: form.Has("slowly") && form.Get("slowly") != "false"}
	default:
		return o, http.StatusUnsupportedMediaType, errors.New("send application/json or a form")
	}
	return o, 0, nil
}

func decode(body []byte, o *order) error {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(o); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one value")
	}
	return nil
}

func known(name string) bool {
	for _, t := range reports.Types() {
		if t.Name == name {
			return true
		}
	}
	return false
}

func typeNames() string {
	var names []string
	for _, t := range reports.Types() {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// reportCSP lets a report show its own styles and do nothing else.
const reportCSP = "sandbox; default-src 'none'; style-src 'unsafe-inline'"

// download answers GET /reports/{id} with a finished report of the user; ?download=1 saves it instead of showing it.
func (a *app) download(w http.ResponseWriter, r *http.Request) {
	const unknown = "there is no such report"
	id := r.PathValue("id")
	report, err := reports.Generate.Result(r.Context(), a.Store, id)
	_, failed := errors.AsType[*tasks.DeadError](err)
	switch {
	case errors.Is(err, tasks.ErrNotFinished):
		w.Header().Set("Retry-After", "1")
		a.answer(w, http.StatusConflict, failure{Error: "the report is not finished", State: a.state(r, id)})
		return
	case errors.Is(err, results.ErrNotFound), errors.Is(err, results.ErrInvalid), errors.Is(err, tasks.ErrCancelled):
		a.fail(w, http.StatusNotFound, unknown)
		return
	case failed:
		a.fail(w, http.StatusNotFound, unknown) // why it failed is its user's to know, and the record has it
		return
	case err != nil:
		a.unreadable(w, r, id, err)
		return
	case report.UserID != a.User(r):
		a.fail(w, http.StatusNotFound, unknown)
		return
	}
	file, err := a.open(report.File)
	if err != nil {
		a.Logger.Warn("a report can't be handed out", "job_id", id, "error", err)
		a.fail(w, http.StatusNotFound, unknown)
		return
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		a.fail(w, http.StatusNotFound, unknown)
		return
	}
	disposition := "inline"
	if r.URL.Query().Get("download") != "" {
		disposition = "attachment"
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": filepath.Base(report.File)}))
	h.Set("Content-Security-Policy", reportCSP)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Vary", "Cookie")
	http.ServeContent(w, r, "", info.ModTime(), file)
}

// state is how far a job is, for an answer that has failed anyway.
func (a *app) state(r *http.Request, id string) results.State {
	record, err := a.Store.Get(r.Context(), id)
	if err != nil {
		return ""
	}
	return record.State
}

// unreadable answers for a result that can't be had: that of another task, or the store has failed.
func (a *app) unreadable(w http.ResponseWriter, r *http.Request, id string, err error) {
	if record, getErr := a.Store.Get(r.Context(), id); getErr == nil && (record.Task != reports.Generate.Info().Name || record.State.Final()) {
		a.fail(w, http.StatusNotFound, "there is no such report")
		return
	}
	a.Logger.Error("a record can't be read", "job_id", id, "error", err)
	w.Header().Set("Retry-After", "5")
	a.fail(w, http.StatusServiceUnavailable, "the state of the report can't be read; try again in a moment")
}

// open opens a finished report. Its path comes from the job's result: it must lie right in the directory of reports, also
// when links are followed.
func (a *app) open(path string) (*os.File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if filepath.Dir(path) != a.reports {
		return nil, fmt.Errorf("%s is not in %s", path, a.reports)
	}
	root, err := os.OpenRoot(a.reports)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	return root.Open(filepath.Base(path))
}
