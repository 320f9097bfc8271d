package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// typePrefix and a slug make the type of a problem. Clients compare types: they never change.
const typePrefix = "urn:problem-type:core:"

const (
	slugInvalidRequest     = "invalid-request"
	slugInvalidParams      = "invalid-parameters"
	slugUnauthorized       = "unauthorized"
	slugForbidden          = "forbidden"
	slugNotFound           = "not-found"
	slugUnknownTask        = "unknown-task"
	slugUnknownJob         = "unknown-job"
	slugMethod             = "method-not-allowed"
	slugFinished           = "job-finished"
	slugTimeout            = "timeout"
	slugTooLarge           = "too-large"
	slugMediaType          = "unsupported-media-type"
	slugInternal           = "internal-error"
	slugNoStore            = "no-results-store"
	slugNoQueues           = "no-queue-counts"
	slugQueueUnavailable   = "queue-unavailable"
	slugUnknownOutcome     = "unknown-outcome"
	slugStoreUnavailable   = "store-unavailable"
	slugTooManyStreams     = "too-many-streams"
	slugShuttingDown       = "shutting-down"
	slugNotReady           = "not-ready"
	queueRetry, storeRetry = 5, 5 // seconds for Retry-After
)

var titles = map[string]string{
	slugInvalidRequest:   "The request is invalid",
	slugInvalidParams:    "The task's parameters are invalid",
	slugUnauthorized:     "The bearer token is missing or wrong",
	slugForbidden:        "The request is not allowed",
	slugNotFound:         "There is nothing at this address",
	slugUnknownTask:      "There is no such task",
	slugUnknownJob:       "There is no such job, or its record has expired",
	slugMethod:           "The method is not allowed here",
	slugFinished:         "The job is finished",
	slugTimeout:          "The request took too long to arrive, or was given up",
	slugTooLarge:         "The request is too large",
	slugMediaType:        "The content type is not supported",
	slugInternal:         "The server failed",
	slugNoStore:          "Records of jobs are not kept",
	slugNoQueues:         "Queues are not counted",
	slugQueueUnavailable: "The queue did not take the request",
	slugUnknownOutcome:   "The job may be in the queue",
	slugStoreUnavailable: "The results store can't be reached",
	slugTooManyStreams:   "Too many event streams are open",
	slugShuttingDown:     "The server is shutting down",
	slugNotReady:         "The server is not ready",
}

// A problem is an error as a client sees it (RFC 9457). It is also the error that handlers return.
type problem struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail,omitempty"`
	RequestID string       `json:"request_id,omitempty"`
	Errors    []fieldError `json:"errors,omitempty"`
	// State is the final state of a job that can't be cancelled any more.
	State results.State `json:"state,omitempty"`
	// JobID is the ID of a job of which nobody knows whether the queue took it.
	JobID string `json:"job_id,omitempty"`

	header http.Header
	cause  error // what happened, for the log only
}

// A fieldError says what is wrong with one parameter. Field is its JSON path, or the name of a query parameter.
type fieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

func (p *problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

func (p *problem) Unwrap() error { return p.cause }

func newProblem(status int, slug, detail string) *problem {
	return &problem{Type: typePrefix + slug, Title: titles[slug], Status: status, Detail: detail}
}

func (p *problem) with(key, value string) *problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(key, value)
	return p
}

// invalid is a problem with a query parameter.
func invalid(field, format string, args ...any) *problem {
	message := fmt.Sprintf(format, args...)
	p := newProblem(http.StatusBadRequest, slugInvalidRequest, field+": "+message)
	p.Errors = []fieldError{{Field: field, Message: message}}
	return p
}

func unavailable(slug, detail string, retryAfter int) *problem {
	return newProblem(http.StatusServiceUnavailable, slug, detail).with("Retry-After", strconv.Itoa(retryAfter))
}

// errGone says that the client of a stream has gone, so that nobody reads an answer.
var errGone = errors.New("the client has gone")

// statusGone is what logs and metrics have for it, as nginx does.
const statusGone = 499

// problemOf translates what a handler returned.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	p := newProblem(http.StatusInternalServerError, slugInternal, "")
	p.cause = err
	return p
}

// ofEnqueue translates what Delay returned.
func ofEnqueue(err error) error {
	if errs := paramsErrors(err); len(errs) > 0 {
		return ofParams(errs)
	}
	if e, ok := errors.AsType[*sqsqueue.TooLargeError](err); ok {
		return newProblem(http.StatusRequestEntityTooLarge, slugTooLarge, "The job does not fit into a message: "+e.Error()+".")
	}
	if errors.Is(err, tasks.ErrInvalidCountdown) {
		return invalid("countdown", "%v", tasks.ErrInvalidCountdown)
	}
	if errors.Is(err, tasks.ErrInvalidJobID) {
		return invalid("job_id", "%v", tasks.ErrInvalidJobID)
	}
	if e, ok := errors.AsType[*tasks.EnqueueError](err); ok && e.Unknown() {
		p := unavailable(slugUnknownOutcome, sentence(tasks.ErrUnknownOutcome.Error())+
			" Send the request again with job_id="+url.QueryEscape(e.Job.ID)+": where records are kept, the work is done once.", queueRetry)
		p.JobID, p.cause = e.Job.ID, err
		return p
	}
	return ofQueue(err)
}

// paramsErrors returns what is wrong with parameters, one error for each.
func paramsErrors(err error) (all []*tasks.ParamsError) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			all = append(all, paramsErrors(one)...)
		}
		return all
	}
	if e, ok := errors.AsType[*tasks.ParamsError](err); ok {
		all = append(all, e)
	}
	return all
}

func ofParams(errs []*tasks.ParamsError) *problem {
	p := newProblem(http.StatusBadRequest, slugInvalidParams, errs[0].Error())
	for _, e := range errs {
		p.Errors = append(p.Errors, fieldError{Field: e.Field, Message: e.Problem})
	}
	return p
}

// ofQueue translates a failure of the queue. What AWS said goes to the log only: it names accounts and endpoints.
func ofQueue(err error) error {
	detail := "Try again in a moment."
	for _, known := range []error{sqsqueue.ErrUnreachable, sqsqueue.ErrQueueMissing, sqsqueue.ErrNotSQS, sqsqueue.ErrClosed} {
		if errors.Is(err, known) {
			detail = sentence(known.Error())
		}
	}
	p := unavailable(slugQueueUnavailable, detail, queueRetry)
	p.cause = err
	return p
}

// ofStore translates a failure of the results store.
func ofStore(err error, id string) error {
	if errors.Is(err, results.ErrNotFound) {
		return unknownJob(id)
	}
	if finished, ok := errors.AsType[*results.FinishedError](err); ok {
		p := newProblem(http.StatusConflict, slugFinished, sentence(finished.Error()))
		p.State = finished.Record.State
		return p
	}
	if errors.Is(err, results.ErrInvalidCursor) {
		return invalid("cursor", "%v", results.ErrInvalidCursor)
	}
	p := unavailable(slugStoreUnavailable, "Try again in a moment.", storeRetry)
	p.cause = err
	return p
}

func unknownJob(id string) *problem {
	return newProblem(http.StatusNotFound, slugUnknownJob, sentence((&results.NotFoundError{ID: shorten(id, 100)}).Error()))
}

// sentence makes a message of Go's style one for people.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	if s[0] >= 'a' && s[0] <= 'z' {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	return s + "."
}

func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "..."
}

// fail answers with an error.
func (a *API) fail(w *response, r *http.Request, err error) {
	if errors.Is(err, errGone) || r.Context().Err() != nil {
		// Most likely nobody reads this. Who does, having sent a body too slowly, must not get the server's own 200.
		w.gone = true
		err = newProblem(http.StatusRequestTimeout, slugTimeout, "")
	}
	p := *problemOf(err)
	p.RequestID = w.requestID
	if p.Status >= http.StatusInternalServerError && p.cause != nil {
		a.logger.Error("request failed", "request_id", w.requestID, "route", w.pattern, "status", p.Status, "error", p.cause)
	}
	if w.status != 0 {
		return // the answer has begun
	}
	for key, values := range p.header {
		w.Header()[key] = values
	}
	a.write(w, p.Status, "application/problem+json", p)
}

// write answers with a JSON document.
func (a *API) write(w *response, status int, contentType string, v any) {
	body, err := marshal(v)
	if err != nil {
		a.logger.Error("answer can't be encoded", "request_id", w.requestID, "route", w.pattern, "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.deadline(a.tune.writeTimeout)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone needs no answer
}

// retryTime is what clients of event streams wait before they connect again.
const retryTime = 2 * time.Second

// marshal is JSON on one line, without the escapes that only HTML needs and without a line feed.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
